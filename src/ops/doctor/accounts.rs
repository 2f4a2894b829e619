//! Whether a deployment has an owner that can log in, by a password that is stored as it should be.
use super::super::finding::{Finding, Verdict};
use crate::auth::password::PasswordHash;
use crate::model::{AccessMode, plain_line};
use crate::store::check::{Accounts, Owner};

const CHECK: &str = "accounts";

/// `modes` are those of the instances that use the database.
pub(super) fn judge(on: &str, accounts: &Accounts, modes: &[AccessMode]) -> Finding {
    let bad = |detail: String, fix: &str| {
        Finding::bad(CHECK, on, Verdict::Warning, detail).fix(fix.to_owned())
    };
    let shut = modes.iter().find(|mode| **mode != AccessMode::Open);
    match (accounts.exist, shut) {
        (false, Some(mode)) => {
            let detail = format!(
                "there is no account, and 'access.mode' is {}: nobody can come in",
                mode.as_str()
            );
            return bad(detail, "discordctl user create NAME --role owner");
        }
        (false, None) => return Finding::ok(CHECK, on, "there is none: all are guests"),
        (true, _) => {}
    }
    if accounts.owners.is_empty() {
        let detail = "no account that is open is an owner: in the chat no other can be made";
        let fix = "discordctl user role NAME owner, of one in 'discordctl user list'";
        return bad(detail.into(), fix);
    }
    let named = |owner: &Owner| format!("'{}'", plain_line(&owner.nickname));
    let can_log_in = |owner: &&Owner| owner.vouched || owner.password.is_some();
    if !accounts.owners.iter().any(|owner| can_log_in(&owner)) {
        let names: Vec<String> = accounts.owners.iter().map(named).collect();
        let detail = format!("no owner can log in: {} has no password", names.join(", "));
        return bad(detail, "discordctl user password NAME");
    }
    let weak: Vec<String> = accounts.owners.iter().filter(is_weak).map(named).collect();
    if !weak.is_empty() {
        let detail = format!(
            "the password of the owner {} is stored in a weaker form than passwords are today",
            weak.join(", ")
        );
        let fix = "let them log in once, which stores it anew, or discordctl user password NAME";
        return bad(detail, fix);
    }
    let detail = match &accounts.owners[..] {
        [owner] => format!("the owner is {}", named(owner)),
        owners => format!("{} owners, {} the first", owners.len(), named(&owners[0])),
    };
    Finding::ok(CHECK, on, detail)
}

fn is_weak(owner: &&Owner) -> bool {
    let password = owner.password.as_deref().map(PasswordHash::parse);
    password.is_some_and(|hash| hash.map_or(true, |hash| hash.needs_rehash()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRONG: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA\
                          $MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE";
    const WEAK: &str = "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ\
                        $bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc";

    fn owner(nickname: &str, password: Option<&str>, vouched: bool) -> Owner {
        Owner {
            nickname: nickname.into(),
            password: password.map(str::to_owned),
            vouched,
        }
    }

    #[test]
    fn a_deployment_without_an_owner_that_can_log_in_is_told() {
        let (open, invite) = (&[AccessMode::Open][..], &[AccessMode::Invite][..]);
        let by_password = owner("alice", Some(STRONG), false);
        for (exist, owners, modes, expected) in [
            (false, vec![], open, ""),
            (false, vec![], invite, "nobody can come in"),
            (true, vec![], open, "no account that is open is an owner"),
            (true, vec![by_password.clone()], invite, ""),
            (true, vec![owner("alice", None, true)], invite, ""),
            (
                true,
                vec![owner("alice", None, false)],
                invite,
                "'alice' has no password",
            ),
            (
                true,
                vec![owner("alice", None, false), by_password.clone()],
                invite,
                "",
            ),
            (
                true,
                vec![by_password.clone(), owner("bob", Some(WEAK), false)],
                invite,
                "the owner 'bob' is stored in a weaker form",
            ),
            (
                true,
                vec![owner("bob", Some("secret"), false)],
                open,
                "weaker form",
            ),
        ] {
            let found = judge("sqlite", &Accounts { exist, owners }, modes);
            assert_eq!(found.is_ok(), expected.is_empty(), "{found:?}");
            assert!(found.detail.contains(expected), "{found:?}");
            assert!(found.is_ok() || found.fix.is_some(), "{found:?}");
            let told = format!("{found:?}");
            assert!(
                !told.contains("argon2") && !told.contains("secret"),
                "{told}"
            );
        }
    }
}
