//! Where files, folders and sockets are made: in one place, which closes them to other users.
use super::tokens::{Token, text, tokens, without_tests};
use super::{assert_none, shipped};

/// What makes something on a disk, or says what others may do with it, as its tokens.
const MAKES: [&[&str]; 14] = [
    &["OpenOptions"],
    &["DirBuilder"],
    &["create_dir"],
    &["create_dir_all"],
    &["set_permissions"],
    &["hard_link"],
    &["symlink"],
    &["fs", "::", "write"],
    &["fs", "::", "copy"],
    &["File", "::", "create"],
    &["File", "::", "create_new"],
    &["File", "::", "options"],
    &["UnixListener", "::", "bind"],
    &["UnixDatagram", "::", "bind"],
];

/// Where else that may stand, and why.
const ALLOWED: [(&str, &str, &str); 6] = [
    ("src/private.rs", "", "it is the place"),
    ("src/regular.rs", "File::options", "it opens to read"),
    (
        "src/ops/backup/file.rs",
        "File::options",
        "it opens to read",
    ),
    (
        "src/ops/backup/file.rs",
        "hard_link",
        "another name of a file that was made there",
    ),
    (
        "commands/man.rs",
        "create_dir_all",
        "manual pages are for all users",
    ),
    (
        "commands/bench/mod.rs",
        "fs::write",
        "figures, which may go to a device; the mode is the process's default",
    ),
];

fn made(tokens: &[Token]) -> Vec<(usize, String)> {
    let begins = |at: usize, words: &[&str]| {
        let mut words = (at..).zip(words);
        words.all(|(at, word)| text(tokens, at) == *word)
    };
    let at = |at: usize| {
        let words = MAKES.iter().find(|words| begins(at, words))?;
        Some((tokens[at].line, words.concat()))
    };
    (0..tokens.len()).filter_map(at).collect()
}

/// Which of [`ALLOWED`] lets it stand there.
fn leave(file: &str, what: &str) -> Option<usize> {
    let mut allowed = ALLOWED.iter();
    allowed.position(|(of, made, _)| *of == file && (made.is_empty() || *made == what))
}

#[test]
fn files_are_made_in_one_place() {
    let sample = "fn a() { std::fs::write(b, c); File::open(d); tokio::fs::create_dir_all(e); }
        #[cfg(test)] mod tests { fn f() { std::fs::copy(g, h); } }";
    let (sample, _) = without_tests(&tokens(sample));
    let found: Vec<String> = made(&sample).into_iter().map(|(_, what)| what).collect();
    assert_eq!(found, ["fs::write", "create_dir_all"]);

    let mut faults = Vec::new();
    let mut used = vec![false; ALLOWED.len()];
    for (file, source) in shipped() {
        let (tokens, _) = without_tests(&tokens(&source));
        for (line, what) in made(&tokens) {
            match leave(&file, &what) {
                Some(place) => used[place] = true,
                None => faults.push(format!(
                    "{file}:{line}: {what}: make it through src/private.rs, which closes it to other users"
                )),
            }
        }
    }
    assert_none("files that others may be able to read:", &faults);
    let unused = ALLOWED.iter().zip(used).filter(|(_, used)| !used);
    let unused: Vec<String> = unused
        .map(|((file, what, _), _)| format!("{file}: {what}"))
        .collect();
    assert_none("places that need no leave any more:", &unused);
}
