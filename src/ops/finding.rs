//! What a look at something found: how bad it is, why, and what to do.
use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

use crate::config::Level;
use crate::model::Cause;

/// How something is, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    Warning,
    /// It could not be found out.
    Unknown,
    Critical,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Critical => "critical",
        }
    }
}

impl From<Level> for Verdict {
    fn from(level: Level) -> Self {
        match level {
            Level::Ok => Self::Ok,
            Level::Warning => Self::Warning,
            Level::Critical => Self::Critical,
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    pub check: Cow<'static, str>,
    /// What it was looked at on: an instance, `database`, a folder.
    pub on: String,
    pub level: Verdict,
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<f64>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The runbook that deals with it; every one that is not well has one or a fix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runbook: Option<Cow<'static, str>>,
}

impl Finding {
    pub fn ok(
        check: impl Into<Cow<'static, str>>,
        on: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            check: check.into(),
            on: on.into(),
            level: Verdict::Ok,
            detail: detail.into(),
            took_ms: None,
            fix: None,
            runbook: None,
        }
    }

    pub fn bad(
        check: impl Into<Cow<'static, str>>,
        on: impl Into<String>,
        level: Verdict,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            level,
            ..Self::ok(check, on, detail)
        }
    }

    pub fn took(self, took: Duration) -> Self {
        Self {
            // Beyond a microsecond is noise.
            took_ms: Some((took.as_secs_f64() * 1e6).round() / 1e3),
            ..self
        }
    }

    pub fn fix(self, fix: impl Into<String>) -> Self {
        Self {
            fix: Some(fix.into()),
            ..self
        }
    }

    pub fn runbook(self, name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            runbook: Some(name.into()),
            ..self
        }
    }

    /// With what deals with that cause, unless a fix was named that says more.
    pub fn because(self, cause: Cause) -> Self {
        let fix = cause.fix().map(str::to_owned);
        Self {
            fix: self.fix.or(fix),
            runbook: cause.runbook().map(Cow::Borrowed),
            ..self
        }
    }

    pub fn is_ok(&self) -> bool {
        self.level == Verdict::Ok
    }
}

/// The worst of them.
pub fn worst(findings: &[Finding]) -> Verdict {
    let levels = findings.iter().map(|finding| finding.level);
    levels.max().unwrap_or(Verdict::Ok)
}
