//! What queries find, what they need of an index, and how they are refused.
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn now() -> DateTime<Utc> {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

fn query(typed: &str) -> Query {
    Query::parse(typed, now()).unwrap_or_else(|error| panic!("{typed}: {error}"))
}

/// The text with what was found in brackets.
fn found(typed: &str, text: &str) -> Option<String> {
    let ranges = query(typed).matches(text)?;
    let mut shown = text.to_owned();
    for range in ranges.into_iter().rev() {
        shown.insert(range.end, ']');
        shown.insert(range.start, '[');
    }
    Some(shown)
}

/// Whether an index would name a text: by words only, as `terms` tells them.
fn has_needs(query: &Query, text: &str) -> bool {
    let mut terms = BTreeSet::new();
    Text::of(text).terms(|term| {
        terms.insert(term.to_vec());
    });
    query.needs().iter().all(|need| match need {
        Need::Term(term) => terms.contains(term),
        Need::Prefix(start) => terms.iter().any(|term| term.starts_with(start)),
        Need::Any(ways) => ways
            .iter()
            .any(|all| all.iter().all(|term| terms.contains(term))),
    })
}

#[test]
fn queries_find_words() {
    for (typed, text, wanted) in [
        ("resume", "My Résumé.", "My [Résumé]."),
        ("Résumé", "resume", "[resume]"),
        ("socket", "a socket, sockets", "a [socket], sockets"),
        ("sock*", "websocket sockets", "websocket [sock]ets"),
        ("two words", "words: two", "[words]: [two]"),
        ("getUserById", "x.getuserbyid()", "x.[getuserbyid]()"),
        ("getUser", "call getUserById()", "call [getUser]ById()"),
        ("user", "call getUserById()", "call get[User]ById()"),
        ("GitHub", "github", "[github]"),
        ("github", "on GitHub", "on [GitHub]"),
        ("127.0.0.1", "at 127.0.0.1:80", "at [127.0.0.1]:80"),
        ("0.0", "127.0.0.1", "127.[0.0].1"),
        ("127.0.*", "127.0.0.1", "[127.0.]0.1"),
        ("v2.0", "discordctl v2.0!", "discordctl [v2.0]!"),
        ("don't", "I don’t", "I [don’t]"),
        ("c++", "in C++ or", "in [C++] or"),
        ("--help", "try --help", "try [--help]"),
        ("設定", "サーバーの設定を", "サーバーの[設定]を"),
        ("サーバー", "ｻｰﾊﾞｰ 1", "[ｻｰﾊﾞｰ] 1"),
        ("設", "この設", "この[設]"),
        ("서버", "서버를", "[서버]를"),
        ("👍", "ok 👍🏽", "ok [👍🏽]"),
        ("\"two  words\"", "Two\nwords", "[Two\nwords]"),
        ("“two words", "two words", "[two words]"),
        ("\"c++ is\"", "C++ is", "[C++ is]"),
        ("\"->\" x", "x -> y", "[x] [->] y"),
        ("foo - bar", "foo bar", "[foo] [bar]"),
        ("(foo, bar).", "foo bar", "[foo] [bar]"),
        ("http://x:1", "see http://x:1/y", "see [http://x:1]/y"),
        ("to:bob", "to:bob", "[to:bob]"),
        ("has:link x", "x https://y", "[x] https://y"),
        ("one -two", "one three", "[one] three"),
        ("aa", "aa", "[aa]"),
        ("ö", "o\u{308}x o\u{308}", "o\u{308}x [o\u{308}]"),
    ] {
        assert_eq!(found(typed, text).as_deref(), Some(wanted), "{typed}");
        let mut query = query(typed);
        query
            .needs
            .retain(|need| *need != Need::Term(b"\x01l".to_vec()));
        assert!(has_needs(&query, text), "{typed}: {:?}", query.needs());
    }
}

#[test]
fn queries_leave_out_what_is_no_word() {
    for (typed, text) in [
        ("sock", "socket"),
        ("ser", "getUserById"),
        ("27.0", "127.0.0.1"),
        ("\"wo words\"", "two words"),
        ("\"words two\"", "two words"),
        ("one -two", "one two"),
        ("one -\"two three\"", "one two three"),
        ("one -tw*", "one two"),
        ("-has:link x", "x http://y"),
        ("has:link x", "x"),
        ("設定", "設計決定"),
        ("C++", "c"),
        ("getUser", "getusers"),
    ] {
        assert_eq!(found(typed, text), None, "{typed} in {text}");
    }
}

#[test]
fn filters_are_read() {
    let query = query(
        "FROM:@bob -from:eve in:#general in:\"acme/my room\" in:@carol -in:x is:thread -is:pinned -has:link",
    );
    let filters = query.filters();
    assert_eq!(
        (&*filters.from, &*filters.not_from),
        (&["bob".to_owned()][..], &["eve".to_owned()][..])
    );
    assert_eq!(filters.rooms, ["general", "acme/my room", "@carol"]);
    assert_eq!(filters.not_rooms, ["x"]);
    assert_eq!(
        (filters.thread, filters.pinned, filters.link),
        (Some(true), Some(false), Some(false))
    );
    assert!(query.needs().is_empty());
}

#[test]
fn a_day_is_neither_before_nor_after_itself() {
    for (typed, since, until) in [
        ("before:2026-11-30", None, Some("2026-11-30T00:00:00Z")),
        ("after:2026-11-30", Some("2026-12-01T00:00:00Z"), None),
        (
            "-before:2026-11-30 -after:2026-11-30",
            Some("2026-11-30T00:00:00Z"),
            Some("2026-12-01T00:00:00Z"),
        ),
        (
            "after:7d before:24h",
            Some("2026-11-23T12:00:00Z"),
            Some("2026-11-29T12:00:00Z"),
        ),
        (
            "after:2w after:1h before:10m before:5m",
            Some("2026-11-30T11:00:00Z"),
            Some("2026-11-30T11:50:00Z"),
        ),
        (
            "after:2026-11-30T12:00:00+02:00",
            Some("2026-11-30T10:00:00Z"),
            None,
        ),
    ] {
        let time = |text: Option<&str>| text.map(|text| text.parse::<DateTime<Utc>>().unwrap());
        let query = query(typed);
        let filters = query.filters();
        assert_eq!(
            (filters.since, filters.until),
            (time(since), time(until)),
            "{typed}"
        );
    }
}

#[test]
fn a_refusal_says_what_and_where() {
    for (typed, wanted) in [
        (
            "",
            "a search needs a word, a phrase or a filter such as `from:NAME`",
        ),
        (
            " - … \"\" ",
            "a search needs a word, a phrase or a filter such as `from:NAME`",
        ),
        (
            "\"->\"",
            "a search needs a word, a phrase or a filter such as `from:NAME`",
        ),
        (
            "-x -\"y z\"",
            "a search needs something to look for beside what it leaves out",
        ),
        (
            "ü from: bob",
            "`from:` at character 3 needs a value right behind it: a nickname",
        ),
        ("in:#", "`in:` at character 1 takes a room, not `#`"),
        (
            "is:\u{1b}[2J",
            "`is:` at character 1 takes `thread` or `pinned`, not `\u{fffd}[2J`",
        ),
        (
            "x has:file",
            "`has:` at character 3 takes `link`, not `file`",
        ),
        (
            "x*",
            "`*` needs at least 2 letters or digits before it, at character 1",
        ),
    ] {
        assert_eq!(
            Query::parse(typed, now()).unwrap_err().to_string(),
            wanted,
            "{typed}"
        );
    }
    for when in [
        "2026-02-30",
        "yesterday",
        "d",
        "-1d",
        "99999999999d",
        "4294967295w",
        "日",
    ] {
        let error = Query::parse(&format!("before:{when}"), now()).unwrap_err();
        assert!(
            matches!(
                error,
                QueryError::Value {
                    operator: "before:",
                    ..
                }
            ),
            "{when}: {error}"
        );
    }
    let long = "x".repeat(MAX_QUERY + 1);
    assert_eq!(
        Query::parse(&long, now()).unwrap_err(),
        QueryError::TooLong(MAX_QUERY + 1)
    );
    let many = "x ".repeat(MAX_PARTS + 1);
    assert_eq!(
        Query::parse(&many, now()).unwrap_err(),
        QueryError::TooMany(MAX_PARTS + 1)
    );
}

/// Few characters, so that queries are often found.
const TEXT: &str = "(?s)[abAB1. _:*\"é\u{301}'あが設ｶﾞก่👍\n-]{1,24}";

proptest! {
    #[test]
    fn what_is_found_has_what_is_needed(text in TEXT, typed in "[abAB1._é'あが設👍-]{1,3}[*\" ]?[abAB1._é'あが設👍ก-]{0,4}\\*?") {
        if let Ok(query) = Query::parse(&typed, now()) && query.matches(&text).is_some() {
            prop_assert!(has_needs(&query, &text), "{:?}", query.needs());
        }
    }

    #[test]
    fn what_stands_in_a_text_is_found(text in TEXT, from in 0usize..24, length in 1usize..8) {
        let words: Vec<_> = text.split_whitespace().filter(|word| !word.contains('"')).collect();
        let chosen = words.get(from..words.len().min(from + length)).unwrap_or_default().join(" ");
        if let Ok(query) = Query::parse(&format!("\"{chosen}\""), now()) {
            prop_assert!(text.contains('"') || query.matches(&text).is_some(), "{chosen}");
        }
    }

    #[test]
    fn ranges_are_of_the_text(text in TEXT, typed in "[abAB1é'あが設👍 -]{1,6}") {
        if let Ok(query) = Query::parse(&typed, now()) {
            let mut end = 0;
            for range in query.matches(&text).into_iter().flatten() {
                prop_assert!(range.start >= end && range.start < range.end);
                prop_assert!(text.get(range.clone()).is_some());
                end = range.end;
            }
        }
    }

    #[test]
    fn whatever_is_typed_is_answered(typed in "(?s).{0,40}|(from|in|is|has|before|after|-|\"|:|\\*|[0-9]| |é){0,12}", text in "(?s).{0,40}") {
        if let Ok(query) = Query::parse(&typed, now()) {
            let found = query.matches(&text).is_some();
            prop_assert!(!found || query.filters().link == Some(true) || has_needs(&query, &text));
        }
    }
}
