//! Which terms texts have, and where they stand.
use proptest::prelude::*;

use super::*;

fn terms(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    Text::of(text).terms(|term| terms.push(String::from_utf8(term.to_vec()).unwrap()));
    terms.sort();
    terms.dedup();
    terms
}

fn sorted(terms: &str) -> Vec<String> {
    let mut terms: Vec<_> = terms.split(' ').map(str::to_owned).collect();
    terms.sort();
    terms
}

#[test]
fn a_text_has_its_words_humps_and_pairs() {
    for (text, wanted) in [
        ("Hello, world!", "hello world"),
        ("getUserById()", "getuserbyid get user by id"),
        (
            "HTTPServer XMLHttpRequest",
            "httpserver http server xmlhttprequest xml request",
        ),
        (
            "SHA256Sum int32Value utf8",
            "sha256sum sha256 sum int32value int32 value utf8",
        ),
        ("127.0.0.1", "127 0 1 127.0 0.0 0.1"),
        ("v2.0", "v2 0 v2.0"),
        ("snake_case_name", "snake case name"),
        ("don’t stop--now...", "don t don't stop now"),
        ("http://example.org/a", "http example org a org/a"),
        ("Crème brûlée", "creme brulee"),
        ("サーバーの設定", "サー ーバ バー ーの の設 設定 定"),
        ("設定file.txt", "設定 定 file txt"),
        ("한국어 글", "한국 국어 어 글"),
        ("Привет, мой ЙОД", "привет мой йод"),
        ("so good 👍🏽👍", "so good 👍"),
        ("हिन्दी", "हिन्दी"),
        ("ﬁne　Ｆｕｌｌ ½", "fine full 1 2"),
    ] {
        assert_eq!(terms(text), sorted(wanted), "{text}");
    }
    assert!(terms(" -- … ").is_empty());
}

#[test]
fn a_term_has_an_end() {
    assert_eq!(terms(&"x".repeat(1000)), ["x".repeat(LONGEST_TERM)]);
    assert_eq!(terms(&"й".repeat(1000)), ["й".repeat(LONGEST_TERM / 2)]);
    // What was encoded, not named.
    let encoded = "aB".repeat(20);
    assert_eq!(terms(&encoded), [encoded.to_lowercase()]);
}

#[test]
fn a_link_is_an_address() {
    for text in ["http://x", "see HTTPS://example.org.", "(https://例.jp)"] {
        assert!(has_link(text), "{text}");
    }
    for text in [
        "http:// x",
        "ftp://x",
        "://",
        "https",
        "http:/x",
        "https://",
    ] {
        assert!(!has_link(text), "{text}");
    }
}

proptest! {
    #[test]
    fn every_word_lies_in_the_original(text in "(?s)[a-zA-Z0-9 ._éÉぁ-ん漢字ก-์\u{301}ﬁ👍\u{200d}\n]{0,40}|(?s).{0,40}") {
        let read = Text::of(&text);
        let mut end = 0;
        for word in read.words() {
            prop_assert!(word.at.start >= end && word.at.end > word.at.start);
            end = word.at.end;
            let original = read.original(word.at.clone());
            prop_assert!(original.start < original.end);
            let again = Text::of(&text[original]);
            let word = &read.folded()[word.at.clone()];
            prop_assert!(again.folded().contains(word), "{word} {}", again.folded());
        }
    }

    #[test]
    fn folding_twice_changes_nothing_of_words(text in "(?s)[a-zA-ZÀ-ӿぁ-んｦ-ﾟ가-힣 .]{0,40}") {
        let once = Text::of(&text);
        let twice = Text::of(once.folded());
        prop_assert_eq!(once.folded(), twice.folded());
    }
}
