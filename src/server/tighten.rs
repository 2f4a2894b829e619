//! Files of before, as an older version, a copy or a restore made them: they are closed to other
//! users when an instance starts.
use crate::config::Config;
use crate::private;
use crate::process::kept;
use crate::store::embedded::Embedded;

/// Closes what an instance with these settings keeps on this machine, and says so once.
pub(super) fn close_to_others(config: &Config) {
    let mut keeps = kept(config);
    let file = config.db_url.file();
    keeps.extend(file.iter().flat_map(|file| Embedded::at(file).files()));
    let closed = private::tighten(keeps);
    if closed.is_empty() {
        return;
    }
    let shown: Vec<String> = closed
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    tracing::warn!(
        files = shown.join(", "),
        "other users of this machine could read or write these; they are closed to them now"
    );
}
