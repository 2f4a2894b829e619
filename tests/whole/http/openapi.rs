//! The API's description against the routes, the codes, its own examples and a server's answers.
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use discordctl::chat::Code;
use discordctl::transport::http::Route;
use serde_json::{Value, json};

use super::document::Document;
use super::server::Running;

#[test]
fn every_route_is_described_with_its_methods_and_nothing_else_is() {
    let root = Document::read().root();
    let routed: BTreeSet<(String, String)> = Route::all()
        .map(|route| {
            let method = route.method().as_str().to_ascii_lowercase();
            (route.path().to_owned(), method)
        })
        .collect();
    let paths = root["paths"].as_object().expect("paths");
    let described: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").keys();
            methods.map(|method| (path.clone(), method.clone()))
        })
        .collect();
    assert_eq!(described, routed);
}

#[test]
fn every_parameter_of_a_path_is_described() {
    let paths = &Document::read().root()["paths"];
    for (path, methods) in paths.as_object().expect("paths") {
        let wanted: Vec<&str> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        for operation in methods.as_object().expect("methods").values() {
            let described: Vec<&str> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "path")
                .filter_map(|parameter| parameter["name"].as_str())
                .collect();
            assert_eq!(described, wanted, "{path}");
        }
    }
}

#[test]
fn everything_about_a_room_may_be_refused() {
    let paths = &Document::read().root()["paths"];
    for (path, methods) in paths.as_object().expect("paths") {
        let spoken = ["/api/message", "/api/command"].contains(&path.as_str());
        for operation in methods.as_object().expect("methods").values() {
            let described = operation["responses"].get("403").is_some();
            let about_a_room = spoken || path.contains("{room}");
            assert!(described || !about_a_room, "{path}: a banned person");
        }
    }
}

/// The texts between quotes in a source file, each with what follows it.
fn literals(file: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(path).expect("a source file");
    let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
    let pieces: Vec<&str> = shipped.split('"').collect();
    let pairs = pieces.windows(2).skip(1).step_by(2);
    pairs
        .map(|pair| (pair[0].to_owned(), pair[1].trim_start().to_owned()))
        .collect()
}

fn described_codes() -> BTreeSet<String> {
    let codes = &Document::read().root()["components"]["schemas"]["Code"]["enum"];
    let codes = codes.as_array().expect("codes").iter();
    codes
        .map(|code| code.as_str().expect("a code").to_owned())
        .collect()
}

#[test]
fn every_code_of_chat_is_described() {
    let described = described_codes();
    for code in Code::ALL {
        let code = code.as_str();
        assert!(described.contains(code), "{code} is not described");
    }
}

#[test]
fn every_code_of_http_is_described_and_no_other() {
    let files = [
        "api",
        "asked",
        "body",
        "connection",
        "cors",
        "hosts",
        "identity",
        "mod",
        "problem",
        "sign_in",
        "sse",
        "upgrade",
    ];
    let mut sources: Vec<String> = files
        .map(|name| format!("src/transport/http/{name}.rs"))
        .to_vec();
    sources.push("src/chat/error.rs".to_owned());
    let found: Vec<_> = sources.iter().flat_map(|file| literals(file)).collect();
    let described = described_codes();
    let is_code = |text: &str| {
        text.contains('_') && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    for (code, next) in &found {
        // What a colon follows is a key of an object; a name of a parameter is no code.
        let named = next.starts_with(':') || code == "session_id";
        if is_code(code) && !named {
            assert!(described.contains(code), "{code} is not described");
        }
    }
    for code in described {
        let said = found.iter().any(|(text, _)| *text == code);
        // The door says so before there is a request.
        assert!(said || code == "full", "{code} is said nowhere");
    }
}

#[test]
fn every_example_is_as_its_schema_says() {
    let document = Document::read();
    let mut seen = 0;
    visit(document.root(), &mut |schema| {
        let examples = schema.get("examples").and_then(Value::as_array);
        for example in examples.into_iter().flatten() {
            seen += 1;
            for strict in [false, true] {
                let faults = document.schemas(strict).faults(schema, example);
                assert!(faults.is_empty(), "{faults:#?} in the example {example}");
            }
        }
    });
    assert!(seen > 20, "{seen} examples");
}

#[test]
fn every_reference_points_somewhere() {
    let document = Document::read();
    visit(document.root(), &mut |part| {
        if let Some(reference) = part.get("$ref").and_then(Value::as_str) {
            document.schemas(false).resolve(reference);
        }
    });
}

fn visit(value: &Value, look: &mut impl FnMut(&Value)) {
    look(value);
    match value {
        Value::Object(parts) => parts.values().for_each(|part| visit(part, look)),
        Value::Array(parts) => parts.iter().for_each(|part| visit(part, look)),
        _ => {}
    }
}

#[tokio::test]
async fn the_server_tells_its_version_and_describes_itself() {
    let server = Running::start().await;
    let served = server.get("/api/openapi.json").await.json();
    assert_eq!(served["openapi"], "3.1.0");
    assert_eq!(served["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(served["paths"], Document::read().root()["paths"]);
}

/// Each answer is held against the description by `Running::ask`.
#[tokio::test]
async fn every_command_is_answered_as_described() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    let commands = [
        "/help",
        "/create den",
        "/join general",
        "/join den",
        "/rooms",
        "/list",
        "/history",
        "/leave",
        "/nick alicia",
        "/history 5 1",
        "/quit",
    ];
    for command in commands {
        let answer = server.command(&alice, command).await;
        assert_eq!(answer.status, 200, "{command}: {answer}");
    }
    let quit = json!({ "session_id": alice });
    assert_eq!(server.post("/api/disconnect", &quit).await.status, 401);
}
