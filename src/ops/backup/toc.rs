//! What a PostgreSQL dump has in it, by its own list: what is ours, and what is not.
use std::path::{Path, PathBuf};

use super::file::{Draft, Folder};
use super::{BackupError, OURS, tools};
use crate::store::migrations::Ours;

/// Kinds of entries in the list, longer names before those they begin with
/// (`pg_restore --list`).
const KINDS: [&str; 22] = [
    "TABLE DATA",
    "TABLE",
    "SEQUENCE SET",
    "SEQUENCE OWNED BY",
    "SEQUENCE",
    "DEFAULT ACL",
    "DEFAULT",
    "FK CONSTRAINT",
    "CHECK CONSTRAINT",
    "CONSTRAINT",
    "INDEX",
    "TRIGGER",
    "FUNCTION",
    "VIEW",
    "TYPE",
    "DOMAIN",
    "COMMENT",
    "ACL",
    "SCHEMA",
    "STATISTICS DATA",
    "EXTENSION",
    "MATERIALIZED VIEW",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Ours,
    /// Not needed for a chat, and not restored.
    LeftOut,
    Foreign,
}

/// A dump's list, sorted.
#[derive(Debug, Default)]
pub(super) struct Toc {
    /// As the list has them.
    ours: Vec<String>,
    others: Vec<String>,
    /// As `TRIGGER messages spy`.
    pub(super) foreign: Vec<String>,
    tables: Vec<String>,
}

impl Toc {
    pub(super) async fn of(dump: &Path) -> Result<Self, BackupError> {
        let pg_restore = tools::find("pg_restore", 0).await?;
        let mut command = pg_restore.plain();
        command.arg("--list").arg(dump);
        let listed = pg_restore.run(command).await;
        let list = listed.map_err(|error| match error {
            // Cut off in its table of contents, before anything else.
            BackupError::Tool { said, .. } if said.contains("end of file") => BackupError::corrupt(
                dump,
                format!("pg_restore cannot read it to its end: {said}"),
            ),
            other => other,
        })?;
        let toc = Self::read(&list);
        match OURS.iter().find(|table| !toc.has_data(table)) {
            None => Ok(toc),
            Some(table) => {
                let why = format!("it has no data of the table {table}");
                Err(BackupError::corrupt(dump, why))
            }
        }
    }

    fn read(list: &str) -> Self {
        let ours = Ours::of_postgres();
        let mut toc = Self::default();
        for line in list.lines().filter(|line| !line.starts_with(';')) {
            let Some((kind, name)) = entry(line) else {
                continue;
            };
            if kind == "TABLE DATA" {
                toc.tables.push(name.to_owned());
            }
            match judge(&ours, kind, name) {
                Entry::Ours => toc.ours.push(line.to_owned()),
                Entry::LeftOut => {}
                Entry::Foreign => {
                    toc.others.push(line.to_owned());
                    toc.foreign.push(format!("{kind} {}", name.escape_debug()));
                }
            }
        }
        toc
    }

    fn has_data(&self, table: &str) -> bool {
        self.tables.iter().any(|has| has == table)
    }

    /// Writes down what is to be restored, for `pg_restore --use-list`.
    pub(super) fn write(&self, folder: &Folder, foreign: bool) -> Result<PathBuf, BackupError> {
        let path = folder.0.join("list");
        let others = if foreign { &self.others[..] } else { &[] };
        let lines: Vec<&str> = self.ours.iter().chain(others).map(|l| l.as_str()).collect();
        let mut draft = Draft::begin(&path, ".partial")?;
        draft.write(format!("{}\n", lines.join("\n")).as_bytes())?;
        draft.publish(&path)?;
        Ok(path)
    }
}

/// Of a line as `217; 1259 16389 TABLE public users chat`, the kind and the name, without the
/// schema and the owner. What is of no known kind is one of its own.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line.split_once("; ")?;
    let rest = rest.splitn(3, ' ').nth(2)?;
    let known = KINDS.into_iter().find(|kind| {
        let after = rest.strip_prefix(kind);
        after.is_some_and(|after| after.starts_with(' '))
    });
    let Some(kind) = known else {
        return Some(("OBJECT", rest));
    };
    // The schema is one word; the owner is the last, and may be missing.
    let rest = rest[kind.len()..].trim_start();
    let (_schema, rest) = rest.split_once(' ').unwrap_or(("", rest));
    let name = rest.rsplit_once(' ').map_or(rest, |(name, _owner)| name);
    Some((kind, name))
}

fn judge(ours: &Ours, kind: &str, name: &str) -> Entry {
    let table = |name: &str| ours.has("TABLE", name);
    let first = name.split(' ').next().unwrap_or_default();
    let own = match kind {
        // An extension's own objects come with it, and it is not ours to make.
        "EXTENSION" | "ACL" | "DEFAULT ACL" | "COMMENT" | "STATISTICS DATA" => {
            return Entry::LeftOut;
        }
        "SCHEMA" => true,
        "TABLE" | "TABLE DATA" => table(name),
        "SEQUENCE" | "SEQUENCE SET" | "SEQUENCE OWNED BY" => {
            let of = name.strip_suffix("_seq").and_then(|n| n.rsplit_once('_'));
            ours.has("SEQUENCE", name) || of.is_some_and(|(of, _column)| table(of))
        }
        "DEFAULT" | "CONSTRAINT" | "FK CONSTRAINT" | "CHECK CONSTRAINT" => table(first),
        "TRIGGER" => name
            .split_once(' ')
            .is_some_and(|(of, name)| table(of) && ours.has("TRIGGER", name)),
        "FUNCTION" => ours.has("FUNCTION", name.split('(').next().unwrap_or_default()),
        "INDEX" | "VIEW" | "TYPE" | "DOMAIN" => ours.has(kind, name),
        _ => false,
    };
    if own { Entry::Ours } else { Entry::Foreign }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_sorted() {
        let list = "\
;\n; Archive created at 2026-11-21\n;\n\
217; 1259 16389 TABLE public users chat\n\
218; 1259 16390 SEQUENCE public messages_id_seq chat\n\
3400; 0 16389 TABLE DATA public users chat\n\
3401; 0 16389 TABLE DATA public messages chat\n\
3410; 0 0 SEQUENCE SET public messages_id_seq chat\n\
3250; 2606 16400 CONSTRAINT public users users_pkey chat\n\
3260; 2606 16401 FK CONSTRAINT public messages messages_room_id_fkey chat\n\
3261; 1259 16402 INDEX public messages_created_at chat\n\
2; 3079 16403 EXTENSION - pg_stat_statements \n\
3420; 0 0 COMMENT - EXTENSION pg_stat_statements \n\
230; 1255 16404 FUNCTION public spy() mallory\n\
3300; 2620 16405 TRIGGER public messages spy mallory\n\
3301; 3466 16406 EVENT TRIGGER - spies mallory\n\
240; 1259 16407 VIEW public everything mallory\n";
        let toc = Toc::read(list);
        assert_eq!(
            toc.foreign,
            [
                "FUNCTION spy()",
                "TRIGGER messages spy",
                "OBJECT EVENT TRIGGER - spies mallory",
                "VIEW everything",
            ]
        );
        assert_eq!((toc.ours.len(), toc.others.len()), (8, 4));
        assert!(toc.has_data("users") && !toc.has_data("rooms"));
    }
}
