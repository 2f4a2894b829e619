//! SQL without what means nothing: a comment or a line break more does not make another
//! migration of a file.

/// `sql` without comments, and with one space for every run of white space. What is quoted, in
/// any way that either database knows, stays as it is.
pub(super) fn normalise(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let piece = Piece::at(rest, first);
        match piece.kind {
            Kind::Blank if text.is_empty() || text.ends_with(' ') => {}
            Kind::Blank => text.push(' '),
            Kind::Solid => text.push_str(&rest[..piece.len]),
        }
        rest = &rest[piece.len..];
    }
    text.truncate(text.trim_end().len());
    text
}

/// The statements of normalised SQL, each without its semicolon.
pub(super) fn statements(normal: &str) -> Vec<&str> {
    let (mut found, mut start, mut at) = (Vec::new(), 0, 0);
    while let Some(first) = normal[at..].chars().next() {
        if first == ';' {
            found.push(normal[start..at].trim());
            start = at + 1;
        }
        at += Piece::at(&normal[at..], first).len;
    }
    found.push(normal[start..].trim());
    found.retain(|statement| !statement.is_empty());
    found
}

enum Kind {
    Blank,
    Solid,
}

struct Piece {
    kind: Kind,
    len: usize,
}

impl Piece {
    fn at(rest: &str, first: char) -> Self {
        let blank = |len| Self {
            kind: Kind::Blank,
            len,
        };
        let solid = |len| Self {
            kind: Kind::Solid,
            len,
        };
        match first {
            _ if first.is_whitespace() => blank(first.len_utf8()),
            '-' if rest.starts_with("--") => blank(rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => blank(comment(rest)),
            '\'' | '"' => solid(quoted(rest, first)),
            '$' => solid(dollar_quoted(rest).unwrap_or(1)),
            _ => solid(first.len_utf8()),
        }
    }
}

/// The length of the comment that `rest` begins with; such comments nest.
fn comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of the quoted text that `rest` begins with. A doubled quote ends one and begins
/// the next, which comes to the same.
fn quoted(rest: &str, quote: char) -> usize {
    rest[1..].find(quote).map_or(rest.len(), |end| end + 2)
}

/// The length of `$tag$ … $tag$`; `None` if it is no such thing, as in `$1`.
fn dollar_quoted(rest: &str) -> Option<usize> {
    let tag = rest[1..].find('$')? + 2;
    let name = &rest[1..tag - 1];
    let fits = |c: char| c.is_alphanumeric() || c == '_';
    if !name.chars().all(fits) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let end = rest[tag..].find(&rest[..tag])?;
    Some(tag + end + tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_white_space_do_not_count() {
        let plain = "CREATE TABLE a (b text DEFAULT ' x  -- y ');";
        let dressed =
            "-- why\nCREATE  TABLE a /* so /* deep */ */ (b text\n\tDEFAULT ' x  -- y ');\n";
        assert_eq!(normalise(dressed), normalise(plain));
        assert_eq!(normalise(plain), plain);
    }

    #[test]
    fn what_is_quoted_stays() {
        for sql in [
            "SELECT 'it''s  -- no comment'",
            "SELECT \"a  /* b */\"",
            "DO $f$ BEGIN  -- kept\n END $f$",
            "SELECT $$ ;  ; $$",
            "SELECT $1,  $2".replace("  ", " ").as_str(),
        ] {
            assert_eq!(normalise(sql), sql);
        }
    }

    #[test]
    fn statements_end_at_semicolons_outside_of_quotes() {
        let sql = normalise("SELECT ';'; -- one;\n DO $$ a; b; $$;\n;SELECT 2");
        assert_eq!(
            statements(&sql),
            ["SELECT ';'", "DO $$ a; b; $$", "SELECT 2"]
        );
    }
}
