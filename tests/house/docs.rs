//! Holds the documents to each other and to what is there: a page that is wrong is worse than none.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder))
        .unwrap_or_else(|e| panic!("cannot list {folder}: {e}"))
        .map(|entry| entry.expect("a folder's entry").path());
    entries.filter(|path| path.is_file()).collect()
}

fn pages() -> Vec<PathBuf> {
    let folders = [".", "docs", "docs/adr", "runbooks"];
    let all = folders.iter().flat_map(|folder| files(folder));
    all.filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect()
}

/// The pages that people read to use it: what they say must be so today.
fn guides() -> Vec<PathBuf> {
    let mut guides = pages();
    guides.retain(|page| !page.starts_with(root().join("docs/adr")));
    guides.retain(|page| !page.ends_with("CHANGELOG.md"));
    guides
}

/// The targets of a page's links, without images and other sites.
fn links(page: &str) -> Vec<&str> {
    let starts = page.match_indices("](").filter(|(at, _)| {
        let text = page[..*at].rfind('[').unwrap_or(0);
        !page[..text].ends_with('!')
    });
    starts
        .filter_map(|(at, _)| page[at + 2..].split([')', ' ']).next())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

/// What a heading is called in a link: as GitHub makes it.
fn anchors(page: &str) -> Vec<String> {
    let mut code = false;
    let lines = page.lines().filter(|line| {
        code ^= line.starts_with("```");
        !code && line.starts_with('#')
    });
    let anchor = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    lines.map(anchor).collect()
}

/// Everything in backquotes and in code blocks, word by word.
fn code_words(page: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut block = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            block = !block;
        } else if block {
            words.extend(line.split_whitespace());
        } else {
            let inline = line.split('`').skip(1).step_by(2);
            words.extend(inline.flat_map(str::split_whitespace));
        }
    }
    words
}

/// The rows of a page's tables of settings: key and default, both in backquotes.
fn settings(page: &str) -> BTreeMap<String, String> {
    let cell = |cell: &str| {
        let text = cell.trim().strip_prefix('`')?.strip_suffix('`')?;
        Some(text.to_owned())
    };
    page.lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" |");
            Some((cell(cells.next()?)?, cell(cells.next()?)?))
        })
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    assert!(pages.len() > 10, "found only {pages:?}");
    let mut dead = Vec::new();
    for page in pages {
        let folder = page.parent().expect("a page is in a folder");
        let text = read(&page);
        for link in links(&text) {
            let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
            let path = if target.is_empty() {
                page.clone()
            } else {
                folder.join(target)
            };
            let there = path.exists()
                && (anchor.is_empty() || anchors(&read(&path)).iter().any(|name| name == anchor));
            if !there {
                dead.push(format!("{} → {link}", page.display()));
            }
        }
    }
    assert!(
        dead.is_empty(),
        "links to nothing:\n  {}",
        dead.join("\n  ")
    );
}

#[test]
fn files_that_the_guides_name_are_there() {
    let folders = [
        "scripts/",
        "benches/",
        "config/",
        "runbooks/",
        "docs/",
        "src/",
        "commands/",
        "tests/",
    ];
    let mut missing = Vec::new();
    for page in guides() {
        let text = read(&page);
        for word in code_words(&text) {
            let path = word.trim_matches(['"', '\'', ',', ';', ')', '(']);
            let pattern = path.contains(['*', '<', '{', '$']);
            if folders.iter().any(|folder| path.starts_with(folder))
                && !pattern
                && !root().join(path).exists()
            {
                missing.push(format!("{}: {path}", page.display()));
            }
        }
    }
    assert!(missing.is_empty(), "not there:\n  {}", missing.join("\n  "));
}

#[test]
fn a_setting_is_told_once_and_named_as_it_is() {
    let page = root().join("docs/configuration.md");
    let reference = settings(&read(&page));
    assert!(reference.len() > 40, "found only {reference:?}");
    let sections: BTreeSet<&str> = reference
        .keys()
        .filter_map(|key| Some(key.split_once('.')?.0))
        .collect();
    for guide in guides() {
        let text = read(&guide);
        let shown = guide.display();
        if guide != page {
            let twice: Vec<_> = settings(&text).into_keys().collect();
            let twice: Vec<_> = twice
                .iter()
                .filter(|k| reference.contains_key(*k))
                .collect();
            assert!(twice.is_empty(), "{shown} tells of {twice:?} once more");
        }
        for word in code_words(&text) {
            let word = word.trim_matches(['"', '\'', ',', ';', ')', '(']);
            let Some((section, rest)) = word.split_once('.') else {
                continue;
            };
            let is_key = sections.contains(section)
                && rest
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || "_.*".contains(c));
            let known = word.ends_with(".*")
                || reference
                    .keys()
                    .any(|key| key == word || key.starts_with(&format!("{word}.")));
            let file = ["json", "md", "rs", "sql", "toml", "jsonl"].contains(&rest);
            assert!(
                !is_key || known || file,
                "{shown}: no key is called `{word}`"
            );
        }
    }
}

#[test]
fn the_readme_takes_five_minutes() {
    let words = read(&root().join("README.md")).split_whitespace().count();
    assert!(words <= 1200, "README.md has {words} words; docs/ has room");
}

#[test]
fn every_page_is_in_the_index_of_the_documents() {
    let index = read(&root().join("docs/README.md"));
    let listed = links(&index);
    for page in files("docs") {
        let name = page.file_name().expect("a name").to_string_lossy();
        let is_page = name.ends_with(".md") && name != "README.md";
        assert!(
            !is_page || listed.contains(&name.as_ref()),
            "docs/README.md lacks {name}"
        );
    }
}

#[test]
fn every_decision_is_in_the_index() {
    let index = read(&root().join("docs/adr/README.md"));
    let mut titles = 0;
    for page in files("docs/adr") {
        let name = page.file_name().expect("a name").to_string_lossy();
        if name == "README.md" || name == "0000-template.md" {
            continue;
        }
        let text = read(&page);
        let title = text
            .lines()
            .next()
            .and_then(|line| line.split_once(": "))
            .map(|(_, title)| title)
            .unwrap_or_else(|| panic!("{name} has no title"));
        let row = format!("| [{}]({name}) | {title} |", &name[..4]);
        assert!(index.contains(&row), "docs/adr/README.md lacks: {row}");
        titles += 1;
    }
    assert!(titles > 0);
}
