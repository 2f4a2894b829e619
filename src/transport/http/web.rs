//! The web client: the files of `web/`, embedded.
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use rust_embed::RustEmbed;

use super::answer::{Response, whole};

#[derive(RustEmbed)]
#[folder = "../web/"]
struct Files;

/// Nothing from elsewhere, nothing inline: a message cannot become anything but text.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// A file of the client; `known` is the version that the browser has.
pub(super) fn file(path: &str, known: Option<&str>) -> Option<Response> {
    let file = Files::get(path)?;
    let hash = file.metadata.sha256_hash();
    let tag: String = hash[..8].iter().map(|b| format!("{b:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let mut response = if known == Some(&tag) {
        let mut unchanged = whole(kind(path), Bytes::new());
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged
    } else {
        whole(kind(path), file.data.into_owned())
    };
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    // Asked again each time, answered without a body while nothing changed.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    Some(response)
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}
