//! What a `redis_url` says, and what is refused in it.
use super::*;

fn read(text: &str) -> RedisUrl {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn node(host: &str, port: u16) -> Node {
    let host = host.to_owned();
    Node { host, port }
}

#[test]
fn a_host_or_a_socket_is_named() {
    let of =
        |url: &RedisUrl, host: &str, port| url.servers == Servers::Hosts(vec![node(host, port)]);
    assert!(of(&read("redis://h"), "h", 6379));
    let url = read("valkeys://[::1]:7/2");
    assert!(of(&url, "::1", 7) && url.tls == Some(Tls::default()));
    assert_eq!(url.servers.to_string(), "[::1]:7");
    let url = read("rediss://amy:s%40cret@h:1/3?protocol=resp3");
    let login = (url.user.as_deref(), url.password.as_deref());
    assert_eq!((login, url.database), ((Some("amy"), Some("s@cret")), 3));
    let password = read("redis://:s3cret@h").password;
    assert_eq!(password.as_deref(), Some("s3cret"));
    assert_eq!(read("redis://h?protocol=2").protocol, Protocol::Resp2);
    let url = read("redis+unix:///run/x.sock?user=u&pass=p&db=4&protocol=resp2");
    assert_eq!(url.servers, Servers::Socket("/run/x.sock".into()));
    assert_eq!((url.password.as_deref(), url.database), (Some("p"), 4));
    assert_eq!(url.protocol, Protocol::Resp2);
    assert!(!format!("{url:?}").contains("pass"));
}

#[test]
fn several_are_named_plainly_as_a_cluster_or_behind_sentinels() {
    let two = vec![node("a", 1), node("b", 6379)];
    assert_eq!(read("redis://a:1,b").servers, Servers::Hosts(two.clone()));
    let url = read("valkeys+cluster://u:p@a:1,b/0");
    assert_eq!(
        (url.servers, url.tls),
        (Servers::Cluster(two), Some(Tls::default()))
    );

    let url = read("redis+sentinel://u:p@a:1,b/main?sentinel_user=s&sentinel_password=q%26&db=2");
    assert_eq!(url.servers.to_string(), "main by sentinels a:1,b:26379");
    assert_eq!(url.secrets().collect::<Vec<_>>(), ["p", "q&"]);
    assert_eq!((url.database, url.user.as_deref()), (2, Some("u")));
    assert!(!format!("{url:?}").contains("q&"));
}

#[test]
fn files_of_certificates_are_named() {
    let url = read("rediss://h?sslrootcert=/etc/ca.pem&sslcert=/c.pem&sslkey=/k.pem");
    let files: Vec<_> = url.files().map(|path| path.to_str()).collect();
    assert_eq!(files, [Some("/etc/ca.pem"), Some("/c.pem"), Some("/k.pem")]);
    assert_eq!(read("redis://h").files().count(), 0);
}

#[test]
fn what_would_not_be_done_is_refused_and_no_secret_shown() {
    for (bad, why) in [
        ("redis+sentinel://:S3CRET@a:1,b:2", "the name under which"),
        (
            "redis+sentinel://a/main?sentinel_user=S3CRET",
            "without 'sentinel_password'",
        ),
        (
            "redis+sentinel://a/main?sentinel_pass=S3CRET",
            "did you mean sentinel_password?",
        ),
        ("redis://a/0?sentinel_password=S3CRET", "unknown parameter"),
        ("redis-sentinel://:S3CRET@a/main", "redis+sentinel://"),
        ("redis+cluster://:S3CRET@a/1", "no databases"),
        ("redis+cluster://:S3CRET@a?protocol=2", "RESP3 only"),
        ("redis+clustr://:S3CRET@a", "redis+cluster://"),
        ("rediss+unix:///S3CRET", "redis+unix://"),
        ("redis://h?protocol=S3CRET", "only as 3 or resp3 or 2"),
        ("redis://:S3CRET@h?sslrootcert=/S3CRET", "rediss://"),
        ("rediss://:S3CRET@h?sslrootcert=S3CRET", "whole path"),
        ("rediss://:S3CRET@h?sslkey=/S3CRET", "together"),
        (
            "rediss://:S3CRET@h?sslrotcert=/S3CRET",
            "did you mean sslrootcert?",
        ),
        ("redis://h?S3CRET=1", "unknown parameter"),
        ("redis+unix:///x?password=S3CRET", "did you mean pass?"),
        ("redis+unix://x?pass=S3CRET", "whole path"),
        ("redis://h/S3CRET", "database"),
        ("redis://:S3@CRET@h", "%40"),
        ("redis://:S3/CRET@h", "%40"),
        ("redis://:S3#CRET@h", "%23"),
        ("rediss://:S3CRET@h/#insecure", "%23"),
        ("redis://", "no host"),
        ("redis://h,", "no host"),
        ("http://:S3CRET@h", "does not begin"),
    ] {
        let error = bad.parse::<RedisUrl>().expect_err(bad).to_string();
        assert!(error.contains(why), "{bad}: {error}");
        assert!(!error.contains("CRET"), "{error}");
    }
}
