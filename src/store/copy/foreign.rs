//! What is in a SQLite schema and is not ours. Triggers and views act when data is touched: they
//! must say what a step of ours says. Of tables and indexes the name is enough.
use crate::store::migrations::Ours;
use crate::store::session::Tx;

/// Type, name, and the text it was made by.
type Object = (String, String, Option<String>);

/// As `trigger spy`, in order.
pub(super) async fn of_sqlite(tx: &mut Tx) -> Result<Vec<String>, sqlx::Error> {
    let objects = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name";
    let objects: Vec<Object> = tx.all(objects, &[]).await?;
    let ours = Ours::of_sqlite();
    let foreign = objects.into_iter().filter(|object| !is_ours(&ours, object));
    Ok(foreign
        .map(|(kind, name, _)| format!("{kind} {}", name.escape_debug()))
        .collect())
}

fn is_ours(ours: &Ours, (kind, name, sql): &Object) -> bool {
    let own = name.starts_with("sqlite_");
    match (kind.as_str(), sql) {
        // What SQLite makes for itself: no other can use such names.
        ("index", None) => own,
        ("table", Some(sql)) => {
            let plain = !sql.to_ascii_uppercase().starts_with("CREATE VIRTUAL");
            plain && (own || ours.has("TABLE", name))
        }
        ("index", Some(_)) => ours.has("INDEX", name),
        ("trigger" | "view", Some(sql)) => {
            let text = sql.splitn(3, ' ').nth(2);
            let named = ours.has(&kind.to_ascii_uppercase(), name);
            named && text.is_some_and(|text| ours.says(text))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_step_makes_is_foreign() {
        let ours = Ours::of_sqlite();
        let object = |kind: &str, name: &str, sql: Option<&str>| {
            (kind.into(), name.into(), sql.map(Into::into))
        };
        for (own, object) in [
            (
                true,
                object("table", "Users", Some("CREATE TABLE users (a)")),
            ),
            (true, object("index", "sqlite_autoindex_users_1", None)),
            (
                true,
                object(
                    "table",
                    "sqlite_sequence",
                    Some("CREATE TABLE sqlite_sequence(a)"),
                ),
            ),
            (
                false,
                object("table", "mine", Some("CREATE TABLE mine (a)")),
            ),
            (
                false,
                object("table", "users", Some("CREATE VIRTUAL TABLE users USING x")),
            ),
            (
                false,
                object("index", "mine", Some("CREATE INDEX mine ON users (a)")),
            ),
            (
                false,
                object("view", "users", Some("CREATE VIEW users AS SELECT 1")),
            ),
            (
                false,
                object(
                    "trigger",
                    "sqlite_x",
                    Some("CREATE TRIGGER sqlite_x BEGIN END"),
                ),
            ),
        ] {
            assert_eq!(is_ours(&ours, &object), own, "{object:?}");
        }
    }
}
