//! URLs of PostgreSQL: what libpq takes is taken, and what would be less safe than it looks is not.
use proptest::prelude::*;

use super::*;

fn read(text: &str) -> PostgresUrl {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn refused(text: &str) -> String {
    let error = text.parse::<PostgresUrl>().expect_err(text);
    error.to_string()
}

#[test]
fn what_libpq_takes_is_taken() {
    let place = |text: &str| {
        let url = read(text);
        let server = url.servers[0].clone();
        assert_eq!(url.servers.len(), 1, "{text}");
        (server.host, server.port, url.database)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(place("postgresql://"), (None, None, None));
    assert_eq!(place("postgresql://u:p@/db"), (None, None, some("db")));
    assert_eq!(
        place("postgresql://u:p@[::1]:7/db"),
        (some("::1"), Some(7), some("db"))
    );
    assert_eq!(
        place("postgresql://u:p@[2001:db8::1]/db"),
        (some("2001:db8::1"), None, some("db"))
    );
    assert_eq!(
        place("postgres://%2Fvar%2Frun/db"),
        (some("/var/run"), None, some("db"))
    );
    assert_eq!(
        place("postgresql:///db?host=/sock&port=6"),
        (some("/sock"), Some(6), some("db"))
    );
    assert_eq!(
        place("postgresql://u:p@/db?host=::1"),
        (some("::1"), None, some("db"))
    );
    assert_eq!(
        place("postgresql://h/a%2Fb%20c"),
        (some("h"), None, some("a/b c"))
    );
    assert_eq!(
        place("postgresql://h/?dbname=x"),
        (some("h"), None, some("x"))
    );
    let url = read(
        "postgres://a%40b:p%3A%25w#:x@h?sslmode=verify-full&connect_timeout=1&options=-c%20a%3Db",
    );
    assert_eq!(
        (url.user.as_deref(), url.password.as_deref()),
        (Some("a@b"), Some("p:%w#:x"))
    );
    assert_eq!(url.ssl_mode, Some(SslMode::VerifyFull));
    assert_eq!(url.connect_timeout, Some(Duration::from_secs(2)));
    assert_eq!(url.options.as_deref(), Some("-c a=b"));
    assert_eq!(read("postgres://h?connect_timeout=0").connect_timeout, None);
    assert_eq!(
        read("postgres://h?ssl=true").ssl_mode,
        Some(SslMode::Require)
    );
    assert!(!read("postgres://h?statement-cache-capacity=0").prepares());
    for &mode in SslMode::ALL {
        let url = read(&format!("postgres://h?sslmode={}", mode.as_str()));
        assert_eq!(url.ssl_mode, Some(mode));
    }
}

#[test]
fn several_servers_are_as_libpq_has_them() {
    let servers = |text: &str| {
        let servers = read(text).servers.into_iter().map(|server| {
            let or_empty = |text: Option<String>| text.unwrap_or_default();
            let port = server.port.unwrap_or(0);
            format!(
                "{}|{}|{port}",
                or_empty(server.host),
                or_empty(server.address)
            )
        });
        servers.collect::<Vec<_>>().join(" ")
    };
    for (url, wanted) in [
        ("postgresql://u:p@h1:5,h2:6/db", "h1||5 h2||6"),
        (
            "postgresql://h1,[::1]:6,10.0.0.1/db",
            "h1||0 ::1||6 10.0.0.1||0",
        ),
        (
            "postgresql:///db?host=h1,/sock,&port=6",
            "h1||6 /sock||6 ||6",
        ),
        ("postgresql:///db?host=h1,h2&port=5,", "h1||5 h2||0"),
        ("postgresql://:7/db?host=h1,h2", "h1||7 h2||7"),
        (
            "postgresql:///db?hostaddr=::1,10.0.0.1",
            "|::1|0 |10.0.0.1|0",
        ),
        (
            "postgresql://h1,h2/db?hostaddr=::1,10.0.0.1",
            "h1|::1|0 h2|10.0.0.1|0",
        ),
    ] {
        assert_eq!(servers(url), wanted, "{url}");
        assert_eq!(read(&read(url).expose()), read(url), "{url}");
    }
    for &target in TargetSession::ALL {
        let url = format!(
            "postgresql://a,b/db?target_session_attrs={}",
            target.as_str()
        );
        assert_eq!(read(&url).target, Some(target));
    }
    assert_eq!(read("postgresql://a,b/db").target, None);
}

#[test]
fn a_parameter_that_is_not_known_is_an_error_and_never_dropped() {
    let error = refused("postgres://h/db?sslmod=require");
    assert_eq!(error, "an unknown parameter; did you mean sslmode?");
    for unknown in [
        "SSLMODE=require",
        "sslmode =require",
        "ssl_mode=require",
        "x=y",
        "sslmode",
    ] {
        refused(&format!("postgres://h/db?{unknown}"));
    }
    for (wrong, why) in [
        ("sslmode=requre", "none of: disable, allow"),
        ("sslmode=", "none of: disable, allow"),
        ("sslmode=disable&sslmode=require", "twice"),
        ("ssl=false", "only as true"),
        ("target_session_attrs=master", "none of: any, read-write"),
        ("channel_binding=require", "only as disable or prefer"),
        ("sslcrl=x", "not supported yet"),
        ("sslpassword=x", "not supported yet"),
        ("sslcert=x", "together"),
        ("sslrootcert=system&sslmode=require", "verify-full"),
        ("host=a,b%20c", "no name"),
        ("port=1,2", "as many ports"),
        ("host=a,b&hostaddr=::1", "as many addresses"),
        ("host=a,b,c&port=1,2", "as many ports"),
        ("hostaddr=x", "no address"),
        ("hostaddr=::1,x", "no address"),
        ("connect_timeout=soon", "whole number"),
    ] {
        let error = refused(&format!("postgres://h/db?{wrong}"));
        assert!(error.contains(why), "{wrong}: {error}");
    }
    let crowd = ["h"; 17].join(",");
    assert!(refused(&format!("postgres://{crowd}/db")).contains("16 are the most"));
    assert!(refused("postgres://h:0/db").contains("port"));
    assert!(refused("postgres://[::1/db").contains("not closed"));
    assert!(refused("postgres://a b/db").contains("host"));
}

#[test]
fn a_reserved_character_in_a_password_is_told_with_its_cure_and_not_shown() {
    for password in [
        "s3@cret",
        "s3@c/r%et",
        "s3/cret",
        "s3?cret",
        "s3%cret",
        "12/cret@x",
        "12?cret",
        "s3/c@r?e",
    ] {
        let error = refused(&format!("postgres://u:{password}@h:5432/db"));
        assert!(
            error.contains("%40") || error.contains("%25"),
            "{password}: {error}"
        );
        assert!(!error.contains("cret") && !error.contains("s3"), "{error}");
    }
    assert!(refused("postgres://u:p/w@h/db").contains("'/' as %2F"));
}

proptest! {
    #[test]
    fn a_url_of_any_parts_is_read_as_them_and_written_as_it_is_read(
        user in "[ -~]{1,8}",
        password in "\\PC{1,12}",
        database in "\\PC{1,8}",
        host in "([a-z]{1,8}|/[a-z/ ]{1,8}|::1)(,[a-z]{0,3}){0,3}",
        port in 1u16..,
    ) {
        let e = super::super::encoded;
        let with = |password: &str| {
            let secret = e(password);
            let (user, database, host) = (e(&user), e(&database), e(&host));
            read(&format!("postgresql://{user}:{secret}@/{database}?host={host}&port={port}"))
        };
        let url = with(&password);
        prop_assert_eq!(url.user.as_deref(), Some(user.as_str()));
        prop_assert_eq!(url.password.as_deref(), Some(password.as_str()));
        prop_assert_eq!(url.database.as_deref(), Some(database.as_str()));
        let hosts: Vec<String> = url.servers.iter().map(|s| s.host.clone().unwrap_or_default()).collect();
        prop_assert_eq!(hosts.join(","), host.as_str());
        prop_assert_eq!(&read(&url.expose()), &url);
        // Another part may be the same by chance; what is shown says nothing of this one.
        prop_assert_eq!(format!("{url:?}"), format!("{:?}", with("another")));
    }

    #[test]
    fn no_error_shows_what_may_be_a_secret(
        before in "[a-z:@/?&=%#,\\[\\]]{0,12}",
        after in "[a-z:@/?&=%#,\\[\\]]{0,12}",
    ) {
        let text = format!("postgres://{before}S3CRET{after}");
        if let Err(error) = text.parse::<PostgresUrl>() {
            prop_assert!(!error.to_string().contains("S3CRET"), "{}", error);
        }
    }
}
