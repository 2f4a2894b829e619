//! A runbook as text and as steps: the same Markdown for people and for `runbook run`.
//!
//! The convention: a title, then the sections Symptoms, Checks, Steps and Afterwards, in that order.
//! A block of code begins with three backquotes, `sh` and what it is for:
//!
//! - `setup`, once, first in Checks: variables that the other blocks use, with defaults;
//! - `check`: exits 0 if all is well. Those in Checks are asked first and last, and are the verdict;
//! - `look`: shows something, judges nothing;
//! - `do`: the command that a step proposes;
//! - `verify`: exits 0 once it has helped.
//!
//! A step, `### 1. Title`, has one check, at most one `do`, and one verify, in that order. One
//! without `do` waits, or is for a person. Anything else is refused.
/// A runbook that can be walked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    pub name: String,
    pub title: String,
    pub setup: String,
    pub checks: Vec<Block>,
    pub steps: Vec<Step>,
    /// What is looked at when it is over.
    pub afterwards: Vec<Block>,
}

/// A piece of shell script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub kind: Kind,
    pub script: String,
    /// Of the text, from 1.
    pub line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Setup,
    Check,
    Look,
    Do,
    Verify,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub title: String,
    /// What is said about it, above its blocks and between them.
    pub text: String,
    pub check: Block,
    pub action: Option<Block>,
    pub verify: Block,
}

/// Why a text is no runbook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}.md, line {line}: {problem}")]
pub struct ParseError {
    name: String,
    line: usize,
    problem: String,
}

const SECTIONS: [&str; 4] = ["Symptoms", "Checks", "Steps", "Afterwards"];

/// Reads a runbook, or says which line is wrong.
///
/// # Errors
/// For a text that breaks the convention.
pub fn parse(name: &str, text: &str) -> Result<Book, ParseError> {
    let mut parser = Parser {
        name,
        ..Parser::default()
    };
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        parser.line += 1;
        match line.strip_prefix("```") {
            Some(info) => {
                let block = parser.block(info, &mut lines)?;
                parser.place(block)?;
            }
            None => parser.prose(line)?,
        }
    }
    parser.finish()
}

#[derive(Default)]
struct Parser<'t> {
    name: &'t str,
    line: usize,
    /// How many have begun.
    sections: usize,
    title: Option<String>,
    checks: Vec<Block>,
    drafts: Vec<Draft>,
    afterwards: Vec<Block>,
}

/// A step that is being read.
struct Draft {
    title: String,
    line: usize,
    text: String,
    blocks: Vec<Block>,
}

impl Parser<'_> {
    fn wrong<T>(&self, problem: impl Into<String>) -> Result<T, ParseError> {
        self.wrong_at(self.line, problem)
    }

    fn wrong_at<T>(&self, line: usize, problem: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError {
            name: self.name.to_owned(),
            line,
            problem: problem.into(),
        })
    }

    /// The block that begins on this line, to its end.
    fn block<'t>(
        &mut self,
        info: &str,
        lines: &mut impl Iterator<Item = &'t str>,
    ) -> Result<Block, ParseError> {
        let kind = match info {
            "sh setup" => Kind::Setup,
            "sh check" => Kind::Check,
            "sh look" => Kind::Look,
            "sh do" => Kind::Do,
            "sh verify" => Kind::Verify,
            other => {
                return self.wrong(format!(
                    "a block is 'sh' and setup, check, look, do or verify, not '{other}'"
                ));
            }
        };
        let line = self.line;
        let mut script = String::new();
        for inside in lines {
            self.line += 1;
            if inside == "```" {
                return match script.trim() {
                    "" => self.wrong("the block is empty"),
                    _ => Ok(Block { kind, script, line }),
                };
            }
            script += inside;
            script.push('\n');
        }
        self.wrong_at(line, "the block has no end")
    }

    fn prose(&mut self, line: &str) -> Result<(), ParseError> {
        if let Some(title) = line.strip_prefix("### ") {
            return self.step(title);
        }
        if let Some(section) = line.strip_prefix("## ") {
            let Some(expected) = SECTIONS.get(self.sections) else {
                return self.wrong(format!("no section comes after {}", SECTIONS[3]));
            };
            if *expected != section {
                return self.wrong(format!("the section {expected} comes here, not {section}"));
            }
            self.sections += 1;
        } else if let Some(title) = line.strip_prefix("# ") {
            if self.title.is_some() || self.sections > 0 {
                return self.wrong("there is one title, at the top");
            }
            self.title = Some(title.to_owned());
        } else if let Some(draft) = self.drafts.last_mut().filter(|_| self.sections == 3) {
            draft.text += line;
            draft.text.push('\n');
        }
        Ok(())
    }

    fn step(&mut self, title: &str) -> Result<(), ParseError> {
        let number = format!("{}. ", self.drafts.len() + 1);
        let Some(title) = title.strip_prefix(&number) else {
            return self.wrong(format!("this step should begin with '### {number}'"));
        };
        if self.sections != 3 {
            return self.wrong("a step belongs into the section Steps");
        }
        self.drafts.push(Draft {
            title: title.to_owned(),
            line: self.line,
            text: String::new(),
            blocks: Vec::new(),
        });
        Ok(())
    }

    fn place(&mut self, block: Block) -> Result<(), ParseError> {
        let line = block.line;
        match (self.sections, block.kind) {
            (2, Kind::Setup) if !self.checks.is_empty() => {
                return self.wrong_at(line, "there is one setup, and it comes first");
            }
            (2, Kind::Setup | Kind::Check | Kind::Look) => self.checks.push(block),
            (3, Kind::Check | Kind::Do | Kind::Verify) => match self.drafts.last_mut() {
                Some(draft) => draft.blocks.push(block),
                None => return self.wrong_at(line, "the block belongs to no step"),
            },
            (4, Kind::Look) => self.afterwards.push(block),
            _ => return self.wrong_at(line, "such a block does not belong into this section"),
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Book, ParseError> {
        let Some(title) = self.title.take() else {
            return self.wrong("there is no title");
        };
        if let Some(missing) = SECTIONS.get(self.sections) {
            return self.wrong(format!("the section {missing} is missing"));
        }
        if self.checks.iter().all(|block| block.kind != Kind::Check) {
            return self.wrong("Checks has no check");
        }
        if self.checks[0].kind != Kind::Setup {
            return self.wrong("Checks has no setup");
        }
        if self.drafts.is_empty() {
            return self.wrong("there is no step");
        }
        let drafts = std::mem::take(&mut self.drafts).into_iter();
        let steps: Result<_, _> = drafts.map(|draft| self.step_of(draft)).collect();
        Ok(Book {
            name: self.name.to_owned(),
            title,
            steps: steps?,
            setup: self.checks.remove(0).script,
            checks: self.checks,
            afterwards: self.afterwards,
        })
    }

    fn step_of(&self, mut draft: Draft) -> Result<Step, ParseError> {
        let verify = draft.blocks.pop();
        let mut blocks = draft.blocks.into_iter();
        match (blocks.next(), blocks.next(), blocks.next(), verify) {
            (Some(check), action, None, Some(verify))
                if check.kind == Kind::Check
                    && verify.kind == Kind::Verify
                    && action.as_ref().is_none_or(|action| action.kind == Kind::Do) =>
            {
                Ok(Step {
                    title: draft.title,
                    text: draft.text.trim().to_owned(),
                    check,
                    action,
                    verify,
                })
            }
            _ => self.wrong_at(
                draft.line,
                "a step has a check, perhaps a do, and a verify, in that order",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::runbook;

    const GOOD: &str = "# Something is down\n\nWords.\n\n## Symptoms\n- it is down\n\n## Checks\n\
        ```sh setup\n: \"${A:=b}\"\n```\nIs it?\n```sh check\ntrue\n```\n```sh look\ndate\n```\n\n\
        ## Steps\n### 1. Start it\nIt may be stopped.\n```sh check\ntest -e x\n```\nThen:\n\
        ```sh do\ntouch x\n```\n```sh verify\ntest -e x\n```\n### 2. Wait\n```sh check\ntrue\n```\n\
        ```sh verify\ntrue\n```\n\n## Afterwards\nWrite down why.\n";

    #[test]
    fn a_runbook_is_read() {
        let book = parse("good", GOOD).expect("a runbook");
        assert_eq!(book.title, "Something is down");
        assert_eq!(book.setup, ": \"${A:=b}\"\n");
        let kinds: Vec<_> = book.checks.iter().map(|block| block.kind).collect();
        assert_eq!(kinds, [Kind::Check, Kind::Look]);
        assert_eq!(book.steps[0].title, "Start it");
        assert_eq!(book.steps[0].text, "It may be stopped.\nThen:");
        assert_eq!(book.steps[0].check.script, "test -e x\n");
        assert_eq!(book.steps[1].action, None);
    }

    #[test]
    fn what_is_malformed_is_refused_with_its_line() {
        for (change, line, problem) in [
            (("# Something", "Something"), 42, "no title"),
            (("## Checks", "## Test"), 8, "Checks comes here"),
            (("```sh setup", "```sh"), 9, "a block is"),
            (
                ("```sh check\ntrue", "```sh do\ntrue"),
                13,
                "does not belong",
            ),
            (("```sh look\ndate", "```sh look\n"), 18, "empty"),
            (("### 2. Wait", "### 3. Wait"), 33, "'### 2. '"),
            (
                ("```sh do\ntouch x", "```sh verify\ntouch x"),
                21,
                "a check, perhaps a do",
            ),
            (("## Afterwards", ""), 42, "Afterwards is missing"),
            (("Write down why.", "```sh look\ndate"), 42, "no end"),
            (("Write down why.", "# Again"), 42, "one title"),
        ] {
            let text = GOOD.replacen(change.0, change.1, 1);
            let error = parse("bad", &text).expect_err(change.1);
            assert!(error.problem.contains(problem), "{error} for {change:?}");
            assert_eq!(error.line, line, "{error} for {change:?}");
        }
    }

    #[test]
    fn those_that_are_shipped_can_be_walked() {
        for name in runbook::NAMES {
            let text = runbook::text(name).unwrap_or_else(|| panic!("{name}.md is not there"));
            let book = parse(name, &text).unwrap_or_else(|error| panic!("{error}"));
            assert!(
                book.steps.iter().any(|step| step.action.is_some()),
                "{name}"
            );
        }
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../runbooks"));
        assert_eq!(files.expect("the folder").count(), runbook::NAMES.len());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "(# a\n|## Symptoms\n|## Checks\n|## Steps\n|### 1. x\n|```sh check\n|```\n|\\PC{0,9}\n){0,30}") {
            let _ = parse("any", &text);
        }
    }
}
