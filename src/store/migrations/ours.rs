//! What the steps make: to tell what is ours in a database from what is not.
use std::collections::BTreeSet;

use super::normal::{normalise, statements};
use super::step::{self, Step};

/// Kinds of objects that steps may make, as SQL has them.
const KINDS: [&str; 8] = [
    "TABLE", "INDEX", "TRIGGER", "VIEW", "FUNCTION", "SEQUENCE", "TYPE", "DOMAIN",
];
/// Words between `CREATE` and the kind, and between that and the name.
const BETWEEN: [&str; 9] = [
    "UNIQUE",
    "OR",
    "REPLACE",
    "CONCURRENTLY",
    "IF",
    "NOT",
    "EXISTS",
    "CONSTRAINT",
    "ONLY",
];
/// Made by the runner itself.
const RUNNERS: [&str; 2] = [super::HISTORY, "schema_steps"];

/// The objects of the schema that this program knows.
#[derive(Debug)]
pub struct Ours {
    names: BTreeSet<(String, String)>,
    texts: Vec<String>,
}

impl Ours {
    pub fn of_sqlite() -> Self {
        Self::of(&step::sqlite())
    }

    pub fn of_postgres() -> Self {
        Self::of(&step::postgres())
    }

    fn of(steps: &[Step]) -> Self {
        let made = |step: &Step| -> Vec<(String, String)> {
            let statements = statements(step.sql()).into_iter();
            statements.filter_map(made).collect()
        };
        let mut names: BTreeSet<_> = steps.iter().flat_map(made).collect();
        names.extend(RUNNERS.map(|name| ("TABLE".to_owned(), name.to_owned())));
        let texts = steps.iter().map(|step| step.sql().to_owned()).collect();
        Self { names, texts }
    }

    /// Whether a step makes such an object of that name.
    pub fn has(&self, kind: &str, name: &str) -> bool {
        let wanted = (kind.to_owned(), name.to_ascii_lowercase());
        self.names.contains(&wanted)
    }

    /// Whether a step says this, whatever the white space: for what is not only data.
    pub fn says(&self, sql: &str) -> bool {
        let sql = normalise(sql);
        self.texts.iter().any(|text| text.contains(&sql))
    }
}

/// `CREATE UNIQUE INDEX a ON b …` makes the index `a`; `ALTER TABLE a RENAME TO b` a table `b`.
fn made(statement: &str) -> Option<(String, String)> {
    let mut words = statement.split([' ', '(', ';']).filter(|w| !w.is_empty());
    let first = words.next()?.to_ascii_uppercase();
    let named = |kind: &str, name: &str| {
        let name = name.rsplit('.').next().unwrap_or(name);
        (kind.to_owned(), name.trim_matches('"').to_ascii_lowercase())
    };
    let mut words = words.filter(|w| !BETWEEN.contains(&&*w.to_ascii_uppercase()));
    let kind = words.next()?.to_ascii_uppercase();
    match &*first {
        "CREATE" if KINDS.contains(&&*kind) => Some(named(&kind, words.next()?)),
        "ALTER" if kind == "TABLE" => {
            let rest: Vec<&str> = words.collect();
            let to = rest.windows(2).position(|pair| {
                pair[0].eq_ignore_ascii_case("RENAME") && pair[1].eq_ignore_ascii_case("TO")
            })?;
            Some(named("TABLE", rest.get(to + 2)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_what_is_made_are_known() {
        for (statement, expected) in [
            ("CREATE TABLE users (id int)", Some(("TABLE", "users"))),
            ("CREATE TABLE IF NOT EXISTS a(b)", Some(("TABLE", "a"))),
            (
                "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS Names ON a (b)",
                Some(("INDEX", "names")),
            ),
            (
                "CREATE OR REPLACE FUNCTION public.f(a int) RETURNS int AS $$ x $$",
                Some(("FUNCTION", "f")),
            ),
            ("ALTER TABLE a RENAME TO \"b\"", Some(("TABLE", "b"))),
            ("ALTER TABLE a ADD COLUMN c int", None),
            ("INSERT INTO a VALUES (1)", None),
        ] {
            let expected = expected.map(|(kind, name)| (kind.to_owned(), name.to_owned()));
            assert_eq!(made(statement), expected, "{statement}");
        }
    }

    #[test]
    fn both_schemas_are_known() {
        for ours in [Ours::of_sqlite(), Ours::of_postgres()] {
            assert!(ours.has("TABLE", "messages") && ours.has("TABLE", "schema_migrations"));
            assert!(ours.has("INDEX", "messages_created_at"));
            assert!(!ours.has("TRIGGER", "messages"));
            assert!(ours.says("CREATE  INDEX messages_created_at\n ON messages (created_at)"));
        }
    }
}
