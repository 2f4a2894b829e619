//! With which role PostgreSQL is used: what gets into an instance may do what that may.
use super::super::finding::{Finding, Verdict};
use crate::store::check::{Role, Standing};

const CHECK: &str = "role";

pub(super) fn judge(on: &str, role: &Role) -> Finding {
    let Role {
        name,
        standing,
        closed,
        open,
    } = role;
    let bad = |level, detail: String| Finding::bad(CHECK, on, level, detail);
    let again =
        "run config/postgres-roles.sql again, as an administrator: it may be run at any time";
    if *standing == Standing::Superuser {
        let detail = format!(
            "'{name}' is a superuser: what gets into an instance may read every database of that \
             server and run programs on its machine"
        );
        let fix = "serve with a role of its own: config/postgres-roles.sql makes it \
            (docs/database-roles.md)";
        return bad(Verdict::Warning, detail).fix(fix);
    }
    if !closed.is_empty() {
        let tables = closed.join(", ");
        let detail = format!("'{name}' may not do all that serving takes with {tables}");
        return bad(Verdict::Critical, detail).fix(again);
    }
    match standing {
        Standing::Other if !open.is_empty() => {
            let tables = open.join(", ");
            let detail = format!("'{name}' may change {tables}, which is for their owner alone");
            bad(Verdict::Warning, detail).fix(again)
        }
        Standing::Other => Finding::ok(
            CHECK,
            on,
            format!("'{name}' may do what serving takes, and no more"),
        ),
        Standing::Owner | Standing::Superuser => Finding::ok(
            CHECK,
            on,
            format!(
                "'{name}' owns the tables, so it may also drop them; one that only serves is safer \
                 (docs/database-roles.md)"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_judged_by_what_it_may_and_may_not() {
        let list = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        for (standing, closed, open, level) in [
            (
                Standing::Superuser,
                &[][..],
                &["audit"][..],
                Verdict::Warning,
            ),
            (Standing::Owner, &[], &["audit"], Verdict::Ok),
            (Standing::Owner, &["rooms"], &[], Verdict::Critical),
            (Standing::Other, &["rooms"], &["audit"], Verdict::Critical),
            (Standing::Other, &[], &["audit"], Verdict::Warning),
            (Standing::Other, &[], &[], Verdict::Ok),
        ] {
            let role = Role {
                name: "chat".into(),
                standing,
                closed: list(closed),
                open: list(open),
            };
            let found = judge("postgresql", &role);
            assert_eq!(found.level, level, "{found:?}");
            assert!(found.is_ok() || found.fix.is_some(), "{found:?}");
            assert!(found.detail.contains("'chat'"), "{found:?}");
        }
    }
}
