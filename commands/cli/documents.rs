//! Holds the documents to the command line: every `discordctl …` that they show is understood.
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::Cli;

/// What people read to use the program; in `docs` the decisions are about other days.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    for folder in ["docs", "runbooks"] {
        let files = fs::read_dir(root.join(folder)).expect("a folder of documents");
        let files = files.map(|file| file.expect("readable").path());
        pages.extend(files.filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    pages
}

/// A line of a shell, as words of its commands. Enough of the shell for what documents show.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let (mut word, mut quote, mut substitution) = (String::new(), None, 0);
    let end = |word: &mut String, commands: &mut Vec<Vec<String>>| {
        if !word.is_empty() {
            let of = commands.last_mut().expect("it begins with one");
            of.push(std::mem::take(word));
        }
    };
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => word.push(c),
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => substitution += 1,
            (None, ')') => substitution -= 1,
            (None, ' ') if substitution == 0 => end(&mut word, &mut commands),
            (None, '#') if word.is_empty() => break,
            (None, '|' | ';' | '&' | '>') => {
                end(&mut word, &mut commands);
                commands.push(Vec::new());
            }
            _ => word.push(c),
        }
    }
    end(&mut word, &mut commands);
    commands
}

/// The words from `discordctl` on, of a command that runs it.
fn arguments(words: &[String]) -> Option<&[String]> {
    let at = words.iter().position(|word| !is_before(word))?;
    match words[at].as_str() {
        "discordctl" => Some(&words[at..]),
        _ => words
            .starts_with(&["cargo".into(), "run".into()])
            .then(|| words.iter().position(|word| word == "--"))
            .flatten()
            .map(|dashes| &words[dashes..]),
    }
}

/// What may stand before a command's name.
fn is_before(word: &str) -> bool {
    let assigns = word.split_once('=').is_some_and(|(name, _)| {
        name.chars().all(|c| c.is_ascii_uppercase() || c == '_') && !name.is_empty()
    });
    assigns || ["sudo", "!", "if", "nohup"].contains(&word)
}

fn problem(words: &[String], whole: bool) -> Option<String> {
    if words.iter().any(|word| word.contains('…')) {
        return None;
    }
    let error = Cli::command().try_get_matches_from(words).err()?;
    let fine = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
        // A sentence may name a command without all that it needs.
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => !whole,
        _ => false,
    };
    (!fine).then(|| error.to_string())
}

#[test]
fn what_the_documents_show_is_understood() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for page in pages() {
        let text = fs::read_to_string(&page)
            .expect("a page")
            .replace("\\\n", " ");
        let mut block = None;
        for line in text.lines() {
            if let Some(language) = line.trim_start().strip_prefix("```") {
                block = block.is_none().then_some(language);
                continue;
            }
            let shown: Vec<&str> = match block {
                Some("sh") => vec![line.trim_start()],
                Some(_) => continue,
                None => line.split('`').skip(1).step_by(2).collect(),
            };
            for words in shown.iter().flat_map(|shown| commands(shown)) {
                let Some(words) = arguments(&words) else {
                    continue;
                };
                seen += 1;
                let example = words.get(1).is_some_and(|word| word == "help");
                if let Some(error) = problem(words, block.is_some()).filter(|_| !example) {
                    wrong.push(format!("{}: {}\n{error}", page.display(), words.join(" ")));
                }
            }
        }
    }
    assert!(seen > 60, "found only {seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_flag_would_be_found() {
    for (line, right) in [
        ("discordctl health --level 5 | jq", true),
        ("FOO=1 discordctl health --levle 5", false),
        ("curl -s x; discordctl helth", false),
        ("cargo run --release -- serve # talk", true),
        ("cargo run --release -- serv", false),
    ] {
        let commands = commands(line);
        let found = commands.iter().filter_map(|words| arguments(words));
        let wrong = found.filter_map(|words| problem(words, true)).count();
        assert_eq!(wrong == 0, right, "{line}");
    }
}
