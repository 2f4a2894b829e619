//! Rust source as the few tokens that matter for imports: no comments, no text, no tests.

/// An identifier, `::`, or one character of punctuation. Literals are left out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// The tokens of `source`.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut reader = Reader {
        chars: source.chars().collect(),
        at: 0,
        line: 1,
    };
    let mut found = Vec::new();
    while let Some(c) = reader.peek(0) {
        let line = reader.line;
        let text = match (c, reader.peek(1)) {
            ('/', Some('/')) => {
                reader.skip_while(|c| c != '\n');
                continue;
            }
            ('/', Some('*')) => {
                reader.block_comment();
                continue;
            }
            ('"', _) => {
                reader.string();
                continue;
            }
            ('\'', _) => {
                reader.quote();
                continue;
            }
            (':', Some(':')) => {
                reader.skip(2);
                "::".to_owned()
            }
            (c, _) if c.is_whitespace() => {
                reader.skip(1);
                continue;
            }
            (c, _) if c.is_ascii_digit() => {
                reader.skip_while(word);
                continue;
            }
            (c, _) if word(c) => match reader.word() {
                Some(text) => text,
                None => continue,
            },
            (c, _) => {
                reader.skip(1);
                c.to_string()
            }
        };
        found.push(Token { text, line });
    }
    found
}

fn word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.line += usize::from(self.peek(0) == Some('\n'));
            self.at += 1;
        }
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.skip(1);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while let Some(c) = self.peek(0) {
            match (c, self.peek(1)) {
                ('/', Some('*')) => {
                    depth += 1;
                    self.skip(2);
                }
                ('*', Some('/')) => {
                    depth -= 1;
                    self.skip(2);
                }
                _ => self.skip(1),
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.skip(1);
        while let Some(c) = self.peek(0) {
            self.skip(if c == '\\' { 2 } else { 1 });
            if c == '"' {
                return;
            }
        }
    }

    /// A character, or the start of a lifetime.
    fn quote(&mut self) {
        if self.peek(1) == Some('\\') {
            self.skip(3);
            self.skip_while(|c| c != '\'');
            self.skip(1);
        } else if self.peek(2) == Some('\'') {
            self.skip(3);
        } else {
            self.skip(1);
            self.skip_while(word);
        }
    }

    /// An identifier; `None` if it was the prefix of a literal, which is skipped.
    fn word(&mut self) -> Option<String> {
        let start = self.at;
        self.skip_while(word);
        let text: String = self.chars[start..self.at].iter().collect();
        let hashes = (0..).take_while(|n| self.peek(*n) == Some('#')).count();
        match (text.as_str(), self.peek(0), self.peek(hashes)) {
            ("r" | "br" | "cr", _, Some('"')) => {
                self.skip(hashes + 1);
                while self.at < self.chars.len() && !self.ends_raw(hashes) {
                    self.skip(1);
                }
                self.skip(hashes + 1);
                None
            }
            ("b" | "c", Some('"'), _) => {
                self.string();
                None
            }
            ("b", Some('\''), _) => {
                self.quote();
                None
            }
            ("r", Some('#'), _) => {
                self.skip(1);
                self.word()
            }
            _ => Some(text),
        }
    }

    fn ends_raw(&self, hashes: usize) -> bool {
        self.peek(0) == Some('"') && (1..=hashes).all(|n| self.peek(n) == Some('#'))
    }
}

/// `tokens` without what is compiled only for tests, and the names of the modules that are
/// (`#[cfg(test)] mod tests;`), whose files are elsewhere.
pub(crate) fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        if let Some(after) = test_attribute(tokens, at, 1) {
            let end = item_end(tokens, after);
            if let [is_mod, name, end] = &tokens[end.saturating_sub(3)..end]
                && is_mod.text == "mod"
                && end.text == ";"
            {
                modules.push(name.text.clone());
            }
            at = end;
        } else if text(tokens, at + 1) == "!" && test_attribute(tokens, at, 2).is_some() {
            // `#![cfg(test)]`: all of it.
            return (Vec::new(), modules);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    (kept, modules)
}

pub(crate) fn text(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |t| t.text.as_str())
}

/// Where a `#[cfg(test)]` (or `all(test, …)`) that begins at `at` ends.
fn test_attribute(tokens: &[Token], at: usize, bracket: usize) -> Option<usize> {
    let begins = text(tokens, at) == "#"
        && text(tokens, at + bracket) == "["
        && text(tokens, at + bracket + 1) == "cfg";
    if !begins {
        return None;
    }
    let end = closing(tokens, at + bracket);
    let has = |word: &str| tokens[at..end].iter().any(|t| t.text == word);
    (has("test") && !has("not") && !has("any")).then_some(end)
}

/// The place after the bracket that closes the one at `open`.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The place after the item, field or statement that begins at `at`.
fn item_end(tokens: &[Token], mut at: usize) -> usize {
    while text(tokens, at) == "#" {
        at = closing(tokens, at + 1);
    }
    let is_use = (at..at + 6)
        .map(|n| text(tokens, n))
        .take_while(|t| *t != "{" && *t != ";")
        .any(|t| t == "use");
    while at < tokens.len() {
        match text(tokens, at) {
            ";" => return at + 1,
            "{" if !is_use => return closing(tokens, at),
            "(" | "[" | "{" => at = closing(tokens, at),
            ")" | "]" | "}" => return at,
            _ => at += 1,
        }
    }
    at
}
