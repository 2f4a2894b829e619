//! Actions that take another role in one room than they usually do.
use std::collections::BTreeMap;

use super::Action;
use crate::model::{Role, closest};

/// The least role for some actions, in a room. As JSON: `{"write":"moderator"}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides(BTreeMap<Action, Role>);

/// Why overrides are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverridesError {
    #[error("'allow' is an object of actions and roles, as {{\"write\":\"moderator\"}}")]
    NoObject,
    #[error("there is no action '{0}'{1}; the actions are those of `discordctl roles`")]
    NoAction(String, String),
    #[error("'{0}' is no role: guest, member, moderator, admin or owner")]
    NoRole(String),
}

impl Overrides {
    /// Those that are stored; what is not understood there is as if it were not.
    pub fn stored(json: Option<&str>) -> Self {
        let found: BTreeMap<String, String> = json
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default();
        let known =
            |(action, role): (String, String)| Some((Action::named(&action)?, Role::named(&role)?));
        Self(found.into_iter().filter_map(known).collect())
    }

    /// These with the changes that a client asks for: a role for each action, or null for the usual.
    ///
    /// # Errors
    /// Says what is no action or no role.
    pub fn changed(mut self, changes: &serde_json::Value) -> Result<Self, OverridesError> {
        let changes = changes.as_object().ok_or(OverridesError::NoObject)?;
        for (name, role) in changes {
            let action = Action::named(name).ok_or_else(|| {
                let near = closest(name, Action::ALL.iter().map(|action| action.as_str()));
                let near = near.map(|near| format!("; did you mean '{near}'?"));
                let plain = name.chars().filter(|c| !c.is_control()).take(32).collect();
                OverridesError::NoAction(plain, near.unwrap_or_default())
            })?;
            match role {
                serde_json::Value::Null => drop(self.0.remove(&action)),
                serde_json::Value::String(name) => {
                    let role = Role::named(name).ok_or_else(|| {
                        let plain = name.chars().filter(|c| !c.is_control()).take(32).collect();
                        OverridesError::NoRole(plain)
                    })?;
                    self.0.insert(action, role);
                }
                _ => return Err(OverridesError::NoObject),
            }
        }
        Ok(self)
    }

    /// As it is stored; `None` where all is as usual.
    pub fn to_json(&self) -> Option<String> {
        let named = self
            .0
            .iter()
            .map(|(action, role)| (action.as_str(), role.as_str()));
        let named: BTreeMap<&str, &str> = named.collect();
        (!named.is_empty()).then(|| serde_json::to_string(&named).unwrap_or_default())
    }

    /// The least role for an action, where it is not the usual one.
    pub(super) fn least(&self, action: Action) -> Option<Role> {
        self.0.get(&action).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_kept_and_taken_back() {
        let some = Overrides::default().changed(&json!({"write": "moderator", "pin": "guest"}));
        let some = some.expect("good changes");
        assert_eq!(
            some.to_json().as_deref(),
            Some(r#"{"pin":"guest","write":"moderator"}"#)
        );
        assert_eq!(Overrides::stored(some.to_json().as_deref()), some);
        let less = some.changed(&json!({"write": null})).expect("good changes");
        assert_eq!(less.least(Action::Write), None);
        assert_eq!(less.least(Action::Pin), Some(Role::Guest));
        assert_eq!(Overrides::stored(Some("nonsense")), Overrides::default());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |changes| {
            let refused = Overrides::default().changed(&changes);
            refused.expect_err("wrong").to_string()
        };
        assert!(wrong(json!({"wirte": "member"})).contains("did you mean 'write'?"));
        assert!(wrong(json!({"write": "king"})).contains("'king' is no role"));
        assert!(wrong(json!({"write": "anonymous"})).contains("no role"));
        assert!(wrong(json!({"write": 1})).contains("an object"));
        assert!(wrong(json!("write")).contains("an object"));
    }
}
