//! The checker itself, on source that is right and source that is not.
use super::arrows::{faults, test_modules};

/// The lines and targets that are complained about, as `3 store`.
fn complaints(file: &str, source: &str) -> Vec<String> {
    faults(file, source)
        .iter()
        .map(|sentence| {
            let line = sentence.split(':').nth(1).unwrap_or("?");
            let target = match sentence.split_once(" → ") {
                Some((_, rest)) => rest.split(' ').next().unwrap_or("?"),
                None => sentence.splitn(3, ':').nth(2).unwrap_or("?").trim(),
            };
            format!("{line} {target}")
        })
        .collect()
}

#[test]
fn a_forbidden_import_is_told_with_file_line_and_arrow() {
    let source = "//! Lines.\nuse crate::chat::Chat;\nuse crate::store::Store;\n";
    assert_eq!(
        faults("src/transport/line.rs", source),
        [
            "src/transport/line.rs:3: transport → store is no arrow (store::Store); transport may import chat, model, meter, random"
        ]
    );
}

#[test]
fn what_is_allowed_is_let_be() {
    let source = "
        use crate::chat::{Chat, error::Refused};
        use crate::{meter::Meters, model::{self, Seq}};
        use super::line;
        use self::inner::Thing;
        use store::nothing_of_ours; // another crate's
        pub(crate) fn f() -> crate::model::RoomName { super::super::model::x() }
    ";
    assert_eq!(
        complaints("src/transport/tcp.rs", source),
        Vec::<String>::new()
    );
}

#[test]
fn groups_are_looked_into() {
    let source = "use crate::{\n  chat::{Chat, verb},\n  store::{\n    Store,\n  },\n  model::Seq as S,\n  bus,\n};";
    assert_eq!(
        complaints("src/transport/ws.rs", source),
        ["3 store", "7 bus"]
    );
}

#[test]
fn paths_in_the_middle_of_code_count() {
    let source = "fn f(x: Box<dyn crate::bus::Bus>) {\n let y = <crate::store::X as T>::new();\n}";
    assert_eq!(
        complaints("src/transport/ws.rs", source),
        ["1 bus", "2 store"]
    );
}

#[test]
fn climbing_out_by_super_is_no_way_round() {
    let source = "use super::super::store::Store;\nuse super::{super::bus::Bus, line};";
    assert_eq!(
        complaints("src/transport/tcp.rs", source),
        ["1 store", "2 bus"]
    );
    // One step from the room's own file, two from a file within a folder within it.
    assert_eq!(
        complaints("src/model/mod.rs", "use super::clock::Clock;"),
        ["1 clock"]
    );
    assert_eq!(
        complaints(
            "src/store/sqlite/log.rs",
            "use super::super::error::StoreError;"
        ),
        Vec::<String>::new()
    );
    // A module within the file is one more step.
    assert_eq!(
        complaints(
            "src/transport/tcp.rs",
            "mod a { use super::super::super::bus; use super::super::line; }\nuse super::line;"
        ),
        ["1 bus"]
    );
}

#[test]
fn taking_the_whole_library_is_no_way_round() {
    for source in [
        "use crate::*;",
        "use crate as all;",
        "use crate::{self as all};",
        "use super::super::*;",
        "extern crate discordctl as all;",
    ] {
        assert_eq!(
            complaints("src/transport/tcp.rs", source),
            ["1 takes the whole library at once; name the room that is meant"],
            "{source}"
        );
    }
    let source = "#[path = \"../store/mod.rs\"]\nmod store;";
    assert_eq!(
        complaints("src/transport/tcp.rs", source),
        ["1 `#[path]` brings in a file past the arrows"]
    );
}

#[test]
fn a_command_knows_the_library_by_its_name() {
    let source =
        "use discordctl::{config, server::Server};\nuse discordctl::store;\nuse crate::cli::Cli;";
    assert_eq!(complaints("commands/serve.rs", source), ["2 store"]);
}

#[test]
fn a_leaf_imports_nothing() {
    assert_eq!(
        faults("src/clock.rs", "use crate::model::Seq;"),
        ["src/clock.rs:1: clock → model is no arrow (model::Seq); clock may import nothing"]
    );
}

#[test]
fn comments_and_text_are_not_code() {
    let source = r####"
        // use crate::store::A;
        /* use crate::store::B; /* nested */ use crate::store::C; */
        /// See [`crate::store`].
        const A: &str = "use crate::store::D; \" crate::bus::E";
        const B: &str = r#"crate::store::F " crate::store::G"#;
        const C: &[u8] = b"crate::store::H";
        const D: (char, char, u8) = ('"', '\'', b'"');
        fn f<'a>(x: &'a str) -> &'a str { x }
        use crate::bus::Real;
    "####;
    assert_eq!(complaints("src/transport/tcp.rs", source), ["10 bus"]);
}

#[test]
fn tests_may_import_what_they_need() {
    let source = "
        #[cfg(test)]
        use crate::store::{A, B};
        #[cfg(test)]
        #[allow(dead_code)]
        mod tests { use crate::store::C; fn f() { if true { } } }
        #[cfg(all(test, unix))]
        fn g() { crate::store::d() }
        use crate::bus::Real;
        #[cfg(not(test))]
        use crate::bus::Other;
    ";
    assert_eq!(
        complaints("src/transport/tcp.rs", source),
        ["9 bus", "11 bus"]
    );
    assert_eq!(
        complaints("src/transport/t.rs", "#![cfg(test)]\nuse crate::store;"),
        Vec::<String>::new()
    );
    assert_eq!(
        test_modules("src/chat/mod.rs", "mod verb;\n#[cfg(test)]\nmod tests;"),
        ["chat::tests"]
    );
}

#[test]
fn a_part_of_ops_imports_only_what_it_may() {
    let complaint = |source: &str| faults("src/ops/health/bus.rs", source);
    assert_eq!(
        complaint("use crate::ops::probe;\nuse super::super::finding::Finding;"),
        [""; 0]
    );
    assert_eq!(
        complaint("use super::super::drill::Stage;"),
        [
            "src/ops/health/bus.rs:1: ops::health → ops::drill is no arrow (ops::drill::Stage); ops::health may import deadline, finding, probe"
        ]
    );
}
