//! The API's description, and what it says of an answer.
use std::sync::LazyLock;

use discordctl::transport::http::OPENAPI;
use serde_json::Value;

use super::client::Answer;
use super::schema::Schemas;

/// The description with its parts at hand.
pub(crate) struct Document(Value);

impl Document {
    pub(crate) fn read() -> &'static Self {
        static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
            Document(serde_json::from_str(OPENAPI).expect("the description is JSON"))
        });
        &DOCUMENT
    }

    pub(crate) fn root(&self) -> &Value {
        &self.0
    }

    pub(crate) fn schemas(&self, strict: bool) -> Schemas<'_> {
        Schemas {
            document: &self.0,
            strict,
        }
    }

    /// Fails unless the answer is one that the description promises for this request. What
    /// lies outside of it, by path or by method, must be answered by a problem.
    pub(crate) fn check(&self, method: &str, target: &str, answer: &Answer) {
        if method == "OPTIONS" && answer.status == 204 {
            // The answer to a browser's question, which no client asks by itself.
            return;
        }
        let path = target.split('?').next().unwrap_or_default();
        let operation = self
            .template(path)
            .and_then(|template| self.0["paths"][template].get(method.to_ascii_lowercase()));
        let Some(operation) = operation else {
            self.check_body(&self.component("NotFound")["content"], answer);
            return;
        };
        let status = answer.status.to_string();
        let Some(response) = operation["responses"].get(&status) else {
            panic!("{method} {path} is not said to answer {answer}");
        };
        let response = match response.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.schemas(true).resolve(reference),
            None => response,
        };
        self.check_headers(response, answer);
        if !answer.body.is_empty() {
            self.check_body(&response["content"], answer);
        }
    }

    fn component(&self, name: &str) -> &Value {
        &self.0["components"]["responses"][name]
    }

    /// The path of the description that `path` is one of.
    fn template(&self, path: &str) -> Option<&str> {
        let fits = |template: &str| {
            let (given, wanted) = (path.split('/'), template.split('/'));
            given.clone().count() == wanted.clone().count()
                && given.zip(wanted).all(|(g, w)| g == w || w.starts_with('{'))
        };
        let paths = self.0["paths"].as_object()?;
        let mut fitting = paths.keys().filter(|template| fits(template));
        fitting.next().map(String::as_str)
    }

    fn check_headers(&self, response: &Value, answer: &Answer) {
        let headers = response["headers"].as_object().into_iter().flatten();
        for (name, header) in headers {
            match answer.header(&name.to_ascii_lowercase()) {
                Some(value) => {
                    let number = value.parse::<u64>().map(Value::from);
                    let read = match header["schema"]["type"] == "integer" {
                        true => number.unwrap_or(Value::from(value)),
                        false => Value::from(value),
                    };
                    let faults = self.schemas(true).faults(&header["schema"], &read);
                    assert!(faults.is_empty(), "{name}: {faults:?} in {answer}");
                }
                None => assert!(header["required"] != true, "no {name} in {answer}"),
            }
        }
    }

    fn check_body(&self, content: &Value, answer: &Answer) {
        let kind = answer.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default();
        let Some(described) = content.get(kind) else {
            panic!("{kind:?} is not described for {answer}");
        };
        let body = match kind.ends_with("json") {
            true => answer.json(),
            false => Value::from(answer.text()),
        };
        let faults = self.schemas(true).faults(&described["schema"], &body);
        assert!(faults.is_empty(), "{faults:#?} in {answer}");
    }

    /// Fails unless an event with these fields is described.
    pub(crate) fn check_event(&self, event: &Value) {
        let schema = &self.0["components"]["schemas"]["Event"];
        let faults = self.schemas(true).faults(schema, event);
        assert!(faults.is_empty(), "{faults:#?} in {event}");
    }
}
