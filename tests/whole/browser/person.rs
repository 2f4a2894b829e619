//! A person at a browser: what they do, and what they see.
use std::sync::Arc;

use crate::browser::server::Server;
use crate::browser::webdriver::Webdriver;
use crate::support::comes_true;
use fantoccini::elements::Element;
use fantoccini::{Client, Locator, key::Key};
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) struct Person {
    browser: Client,
    pub(crate) driver: Arc<Webdriver>,
}

/// A committed message on the screen.
#[derive(Debug, Deserialize)]
pub(crate) struct Said {
    pub(crate) seq: u64,
    pub(crate) user: String,
    pub(crate) text: String,
}

const SAID: &str = "return [...document.querySelectorAll('.message[data-seq]')].map(n => ({
    seq: +n.dataset.seq,
    user: n.querySelector('.author').textContent,
    text: n.querySelector('.content').textContent,
}))";

impl Person {
    /// Opens a browser.
    pub(crate) async fn open(driver: Arc<Webdriver>) -> Self {
        let browser = driver.browser().await;
        Self { browser, driver }
    }

    /// Opens the page, picks a nickname and is in the general room.
    pub(crate) async fn enter(&self, server: &Server, nickname: &str) {
        self.enter_at(server.http, nickname).await;
    }

    pub(crate) async fn enter_at(&self, port: u16, nickname: &str) {
        self.ask_to_enter(port, nickname).await;
        self.is_in("general").await;
        self.is_connected().await;
        let joined = "return !!document.querySelector('#joined [data-room=general][aria-current]')";
        self.eventually("general is joined", joined).await;
    }

    pub(crate) async fn ask_to_enter(&self, port: u16, nickname: &str) {
        self.asks(port).await;
        let enter = char::from(Key::Enter);
        self.type_into("#nickname", &format!("{nickname}{enter}"))
            .await;
    }

    /// Opens the page, which asks for a nickname.
    pub(crate) async fn asks(&self, port: u16) {
        let done = self
            .browser
            .goto(&format!("http://127.0.0.1:{port}/"))
            .await;
        done.expect("open the page");
        let asked = "return document.activeElement?.id === 'nickname'";
        self.eventually("the page asks for a nickname", asked).await;
    }

    /// Types a message or a command, line by line, and sends it.
    pub(crate) async fn say(&self, text: &str) {
        let [shift, enter, none] = [Key::Shift, Key::Enter, Key::Null].map(char::from);
        let lines = text.replace('\n', &format!("{shift}{enter}{none}"));
        self.type_into("#input", &format!("{lines}{enter}")).await;
    }

    /// Types into the box, and sends nothing.
    pub(crate) async fn types(&self, text: &str) {
        self.type_into("#input", text).await;
    }

    pub(crate) async fn click(&self, selector: &str) {
        self.find(selector).await.click().await.expect("click it");
    }

    /// Has a window of that size.
    pub(crate) async fn resizes(&self, width: u32, height: u32) {
        let done = self.browser.set_window_size(width, height).await;
        done.expect("another size");
    }

    pub(crate) async fn reload(&self) {
        self.browser.refresh().await.expect("reload");
    }

    pub(crate) async fn said(&self) -> Vec<Said> {
        serde_json::from_value(self.run(SAID).await).expect("messages")
    }

    /// A committed message with this text is on the screen.
    pub(crate) async fn sees(&self, text: &str) {
        let script = format!(
            "return [...document.querySelectorAll('.message[data-seq] .content')].some(n => n.textContent === {})",
            json!(text)
        );
        self.eventually(&format!("{text:?} is on the screen"), &script)
            .await;
    }

    pub(crate) async fn is_in(&self, room: &str) {
        let script = format!(
            "return document.getElementById('room-name').textContent === {}",
            json!(room)
        );
        self.eventually(&format!("the room {room} is open"), &script)
            .await;
    }

    pub(crate) async fn has_nothing_pending(&self) {
        let none = "return !document.querySelector('.pending, .failed')";
        self.eventually("nothing is left pending", none).await;
    }

    pub(crate) async fn is_connected(&self) {
        self.eventually(
            "it says that it is connected",
            "return document.getElementById('link-state').dataset.state === 'open'",
        )
        .await;
    }

    pub(crate) async fn sees_lost_connection(&self) {
        self.eventually("it says that the connection is lost", "return !document.getElementById('banner').hidden && document.getElementById('banner-text').textContent.includes('lost')").await;
    }

    pub(crate) async fn eventually(&self, what: &str, script: &str) {
        if comes_true(|| self.check(script)).await.is_none() {
            let page = self.run("return document.body.innerText").await;
            panic!(
                "waited in vain: {what}; the page shows:\n{}",
                page.as_str().unwrap_or_default()
            );
        }
    }

    pub(crate) async fn check(&self, script: &str) -> bool {
        self.run(script).await == Value::Bool(true)
    }

    pub(crate) async fn number(&self, script: &str) -> f64 {
        self.run(script).await.as_f64().expect("a number")
    }

    pub(super) async fn type_into(&self, selector: &str, keys: &str) {
        let element = self.find(selector).await;
        element.send_keys(keys).await.expect("type");
    }

    async fn find(&self, selector: &str) -> Element {
        let found = self.browser.find(Locator::Css(selector)).await;
        found.unwrap_or_else(|e| panic!("no {selector}: {e}"))
    }

    /// What a script on the page gives.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.browser
            .execute(script, Vec::new())
            .await
            .expect("ask the page")
    }
}
