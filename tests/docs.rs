//! Holds the documents to each other and to what is there: a page that is wrong is worse than none.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("can't read {}: {e}", path.display()))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder))
        .unwrap_or_else(|e| panic!("can't list {folder}: {e}"))
        .map(|entry| entry.expect("a folder's entry").path());
    entries.filter(|path| path.is_file()).collect()
}

fn pages() -> Vec<PathBuf> {
    let folders = [".", "config", "docs", "docs/adr"];
    let all = folders.iter().flat_map(|folder| files(folder));
    all.filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect()
}

/// The targets of a page's links, without images and other sites.
fn links(page: &str) -> Vec<&str> {
    let starts = page.match_indices("](").filter(|(at, _)| {
        let text = page[..*at].rfind('[').unwrap_or(0);
        !page[..text].ends_with('!')
    });
    starts
        .filter_map(|(at, _)| page[at + 2..].split([')', '#', ' ']).next())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
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
        for target in links(&read(&page)) {
            if !folder.join(target).exists() {
                dead.push(format!("{} → {target}", page.display()));
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
fn the_readme_tells_defaults_as_the_reference_does() {
    let reference = settings(&read(&root().join("config/README.md")));
    let told = settings(&read(&root().join("README.md")));
    assert!(told.len() > 20, "found only {told:?}");
    for (key, default) in &told {
        assert_eq!(reference.get(key), Some(default), "README.md, `{key}`");
    }
    // What the table leaves out is named after it, one by one or as a section.
    let readme = read(&root().join("README.md"));
    for key in reference.keys().filter(|key| !told.contains_key(*key)) {
        let section = key.split('.').next().unwrap_or(key);
        let named = [format!("`{key}`"), format!("`{section}.*`")];
        assert!(
            named.iter().any(|name| readme.contains(name)),
            "README.md does not mention `{key}`"
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
