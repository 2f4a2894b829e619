//! stderr: what failed, why, and what to do, for a person or as one problem object (RFC 9457).
use std::fmt;
use std::io::Write;

use clap::error::ErrorKind;
use discordctl::config::redact;
use discordctl::model::{plain, plain_json};
use serde::Serialize;

use crate::exit::Exit;
use crate::output::Format;

/// An error in the form an operator needs. Holds no password.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// A stable name for scripts.
    pub(crate) code: &'static str,
    /// What failed, and on what.
    pub(crate) what: String,
    pub(crate) why: String,
    /// What to do.
    pub(crate) hint: String,
    /// The name of a runbook that deals with it.
    pub(crate) runbook: Option<&'static str>,
}

/// What helps where a path is wrong.
pub(crate) const SEE_THE_PATH: &str = "see that the path is right, allowed, and has space";

/// Explains an error by a table of its causes. A row is a pattern, how the program ends, the code,
/// what to do and, where a runbook deals with it, the `Cause` that names it; or a failure that is
/// explained elsewhere, in braces.
macro_rules! explain {
    ($error:expr, $what:expr, $why:expr; $($cause:pat $(if $guard:expr)? =>
        $({ $elsewhere:expr })?
        $([$exit:expr, $code:expr, $hint:expr $(, $runbook:expr)?])?;)*) => {{
        let (exit, code, hint, cause) = match $error {
            $($cause $(if $guard)? => {
                $(return $elsewhere;)?
                $(($exit, $code, $hint, None::<discordctl::model::Cause>$(.or(Some($runbook)))?))?
            })*
        };
        $crate::failure::Failure::new(exit, code, $what)
            .why($why)
            .hint(hint)
            .runbook(cause.and_then(discordctl::model::Cause::runbook))
    }};
}
pub(crate) use explain;

impl Failure {
    /// `what` failed. Why, and what to do, follow.
    pub(crate) fn new(exit: Exit, code: &'static str, what: impl Into<String>) -> Self {
        Self {
            exit,
            code,
            what: what.into(),
            why: String::new(),
            hint: String::new(),
            runbook: None,
        }
    }

    pub(crate) fn what(self, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { what, ..self }
    }

    pub(crate) fn why(self, why: impl fmt::Display) -> Self {
        let why = why.to_string();
        Self { why, ..self }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        Self { hint, ..self }
    }

    pub(crate) fn runbook(self, runbook: Option<&'static str>) -> Self {
        Self { runbook, ..self }
    }

    pub(crate) fn bug(why: impl fmt::Display) -> Self {
        let what = "discordctl failed in a way it does not know";
        Self::new(Exit::Bug, "bug", what)
            .why(why)
            .hint("please report it, with the command and this text")
    }

    pub(crate) fn no_such_form() -> Self {
        Self::new(Exit::Usage, "usage", "this command has no such form")
            .why("-o nagios and -o prometheus are forms of 'discordctl health' alone")
            .hint("-o table or -o json")
    }

    pub(crate) fn would_overwrite(file: impl fmt::Display) -> Self {
        let what = format!("cannot create {file}");
        Self::new(Exit::CannotCreate, "would-overwrite", what)
            .why("there is such a file already")
            .hint("name another, or move it away")
    }

    pub(crate) fn io(what: impl Into<String>, why: &std::io::Error) -> Self {
        Self::new(Exit::from(why), "io", what)
            .why(why)
            .hint(SEE_THE_PATH)
    }

    /// Tells it on stderr. If that fails, there is nothing left to tell it to.
    pub(crate) fn report(&self, format: Format) -> Exit {
        let mut stderr = anstream::stderr().lock();
        let _ = match format {
            Format::Table => write!(stderr, "{self}"),
            Format::Json => writeln!(stderr, "{}", self.as_problem()),
        };
        self.exit
    }

    fn as_problem(&self) -> String {
        let problem = Problem {
            kind: format!("urn:discordctl:problem:{}", self.code),
            title: &self.what,
            code: self.code,
            detail: &self.why,
            hint: &self.hint,
            runbook: self.runbook,
            exit_code: self.exit as u8,
        };
        plain_json(&serde_json::to_string(&problem).unwrap_or_default()).into_owned()
    }
}

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    code: &'a str,
    detail: &'a str,
    hint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    runbook: Option<&'a str>,
    exit_code: u8,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What came from outside commands no terminal.
        writeln!(f, "\x1b[1;31merror:\x1b[0m {}", plain(&self.what))?;
        for line in plain(&self.why).lines() {
            writeln!(f, "  {line}")?;
        }
        writeln!(f, "  \x1b[1mhint:\x1b[0m {}", plain(&self.hint))?;
        match self.runbook {
            Some(name) => writeln!(f, "  \x1b[1mrunbook:\x1b[0m runbooks/{name}.md"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

impl From<anyhow::Error> for Failure {
    /// A command that knows its error made it a `Failure`; an I/O error on the way says enough
    /// itself; anything else should have been known.
    fn from(error: anyhow::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(failure) => return failure,
            Err(other) => other,
        };
        match error.root_cause().downcast_ref::<std::io::Error>() {
            Some(io) => Self::io(error.to_string(), io),
            None => Self::bug(format!("{error:#}")),
        }
    }
}

/// Tells what clap found wrong with the arguments, or prints the help that was asked for.
pub(crate) fn usage(error: &clap::Error, format: Format) -> Exit {
    if !error.use_stderr() {
        // `--help | head` is no error either.
        let _ = error.print();
        return Exit::Done;
    }
    if format == Format::Table {
        // clap quotes what it did not expect, and that may be a URL.
        let text = redact_lines(&error.render().ansi().to_string());
        let _ = write!(anstream::stderr().lock(), "{text}");
        return Exit::Usage;
    }
    let text = redact_lines(&error.to_string());
    let (what, why) = match error.kind() {
        // Its text is the whole help.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => ("a command is missing", ""),
        _ => text.split_once('\n').unwrap_or((&text, "")),
    };
    let failure = Failure::new(Exit::Usage, "usage", what.trim_start_matches("error: "))
        .why(why.trim())
        .hint("see 'discordctl --help'");
    failure.report(format)
}

fn redact_lines(text: &str) -> String {
    text.split_inclusive('\n').map(redact).collect()
}
