//! When a job runs: the standard's five cron fields, in UTC, or `off`.
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Duration, DurationRound, Utc};

use super::units::{NotAllowed, as_json};

const OFF: &str = "off";

/// Times that come again and again, each a whole minute. Equal where they were written alike.
#[derive(Clone)]
pub struct Schedule {
    text: String,
    cron: Option<Box<cron::Schedule>>,
}

/// What is wrong with a text that was to be a schedule, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotASchedule(String);

impl Schedule {
    const ALLOWED: NotAllowed = NotAllowed("five cron fields such as \"*/5 * * * *\", or \"off\"");

    /// The first time later than `time`; none if it is off.
    pub fn after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.cron.as_ref()?.after(&time).next()
    }

    /// The last time that is not later than `time`.
    pub fn latest(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let minute = time.duration_trunc(Duration::minutes(1)).ok()?;
        let next = minute.checked_add_signed(Duration::minutes(1))?;
        self.cron.as_ref()?.after(&next).next_back()
    }

    /// The longest time between two of the next times, as far as a year or some of them show it;
    /// none if it is off.
    pub fn longest_gap(&self) -> Option<std::time::Duration> {
        const TIMES: usize = 400;
        let times: Vec<_> = self
            .cron
            .as_ref()?
            .after(&DateTime::UNIX_EPOCH)
            .take(TIMES)
            .collect();
        let gaps = times
            .windows(2)
            .filter_map(|two| (two[1] - two[0]).to_std().ok());
        gaps.max()
    }

    pub fn is_off(&self) -> bool {
        self.cron.is_none()
    }
}

impl FromStr for Schedule {
    type Err = NotASchedule;

    fn from_str(text: &str) -> Result<Self, NotASchedule> {
        let text = text.trim();
        if text.is_empty() {
            let message = "it is empty: write \"off\" if it is never to run";
            return Err(NotASchedule(message.into()));
        }
        if text == OFF {
            return Ok(Self {
                text: OFF.to_owned(),
                cron: None,
            });
        }
        let fields = fields(text)?;
        if fields[2].text != "*" && fields[4].text != "*" {
            return Err(NotASchedule(format!(
                "{} and {} are both restricted, which some read as either and some as both: \
                 leave one of them *",
                fields[2].name(),
                fields[4].name()
            )));
        }
        let mut lists = Vec::new();
        for field in &fields {
            lists.push(field.list()?);
        }
        // Its own fields begin with seconds, and its weekdays' numbers are not the standard's.
        let cron = format!("0 {}", lists.join(" "));
        let cron: cron::Schedule = cron
            .parse()
            .map_err(|e: cron::error::Error| NotASchedule(e.to_string()))?;
        if cron.after(&DateTime::UNIX_EPOCH).next().is_none() {
            return Err(NotASchedule("no month has that day".into()));
        }
        Ok(Self {
            text: text.to_owned(),
            cron: Some(Box::new(cron)),
        })
    }
}

/// What a field counts.
struct Unit {
    name: &'static str,
    least: u32,
    most: u32,
    /// Names of values, from `least` on.
    names: &'static [&'static str],
}

const MONTHS: &[&str] = &[
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
/// 7 is Sunday once more.
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

const UNITS: [Unit; 5] = [
    unit("minute", 0, 59, &[]),
    unit("hour", 0, 23, &[]),
    unit("day of month", 1, 31, &[]),
    unit("month", 1, 12, MONTHS),
    unit("day of week", 0, 7, DAYS),
];

const fn unit(name: &'static str, least: u32, most: u32, names: &'static [&'static str]) -> Unit {
    Unit {
        name,
        least,
        most,
        names,
    }
}

struct Field<'t> {
    number: usize,
    unit: &'static Unit,
    text: &'t str,
    /// Its place in the whole text, in characters from 1.
    at: usize,
}

fn fields(text: &str) -> Result<Vec<Field<'_>>, NotASchedule> {
    if text.starts_with('@') {
        let message = "names such as @daily are not known here: write \"0 0 * * *\"";
        return Err(NotASchedule(message.into()));
    }
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    if words.len() != UNITS.len() {
        let names = UNITS.map(|unit| unit.name).join(", ");
        let found = words.len();
        let message = format!("it has {found} fields, and cron has five: {names}");
        return Err(NotASchedule(message));
    }
    let start = text.as_ptr() as usize;
    let field = |(at, word): (usize, &'_ str)| (at, word.as_ptr() as usize - start, word.len());
    let places: Vec<_> = words.into_iter().enumerate().map(field).collect();
    let field = |(number, from, length): (usize, usize, usize)| Field {
        number: number + 1,
        unit: &UNITS[number],
        text: &text[from..from + length],
        at: text[..from].chars().count() + 1,
    };
    Ok(places.into_iter().map(field).collect())
}

impl Field<'_> {
    fn name(&self) -> String {
        format!("field {} ({})", self.number, self.unit.name)
    }

    /// As the crate takes it: `*`, or every value, weekdays by name.
    fn list(&self) -> Result<String, NotASchedule> {
        if self.text == "*" {
            return Ok("*".into());
        }
        let mut values = Vec::new();
        let mut at = self.at;
        for item in self.text.split(',') {
            values.extend(self.item(item).map_err(|why| {
                let what = self.name();
                NotASchedule(format!("{what}, character {at}: {why}"))
            })?);
            at += item.chars().count() + 1;
        }
        if self.unit.name == "day of week" {
            let day = |value: &u32| DAYS[*value as usize].to_owned();
            return Ok(values.iter().map(day).collect::<Vec<_>>().join(","));
        }
        let number = u32::to_string;
        Ok(values.iter().map(number).collect::<Vec<_>>().join(","))
    }

    /// One of `*`, `5`, `1-5`, `*/2`, `1-5/2`.
    fn item(&self, item: &str) -> Result<Vec<u32>, String> {
        let unit = self.unit;
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (item, None),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => {
                let from = self.value(from)?;
                (from, self.last(from, to)?)
            }
            None if range == "*" => (unit.least, unit.most.min(unit.least + self.count() - 1)),
            None => {
                let value = self.value(range)?;
                if let Some(step) = step {
                    let most = unit.most;
                    return Err(format!("where does it end? Write {value}-{most}/{step}"));
                }
                (value, value)
            }
        };
        if from > to {
            return Err(format!("{range:?} ends before it begins"));
        }
        Ok((from..=to).step_by(step.unwrap_or(1) as usize).collect())
    }

    /// How many values there are.
    fn count(&self) -> u32 {
        match self.unit.name {
            "day of week" => 7,
            _ => self.unit.most - self.unit.least + 1,
        }
    }

    fn step(&self, text: &str) -> Result<u32, String> {
        let step = number(text).ok_or_else(|| format!("{text:?} is no step"))?;
        match step {
            0 => Err("a step of 0 leads nowhere".into()),
            step if step > self.count() => {
                let count = self.count();
                Err(format!("a step of {step} is more than all {count} of them"))
            }
            step => Ok(step),
        }
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let Unit { least, most, .. } = *self.unit;
        let named = self.unit.names.iter();
        let named = named
            .zip(least..)
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        if let Some((_, value)) = named {
            return Ok(value);
        }
        match number(text) {
            Some(value) if (least..=most).contains(&value) => Ok(value),
            _ => Err(format!(
                "{text:?} is not {least} to {most}{}",
                self.or_name()
            )),
        }
    }

    /// The end of a range that begins with `from`: a Sunday by name is the last day then.
    fn last(&self, from: u32, text: &str) -> Result<u32, String> {
        let value = self.value(text)?;
        let is_sunday = self.unit.most == 7 && value == 0 && number(text).is_none();
        Ok(if is_sunday && from > 0 {
            self.unit.most
        } else {
            value
        })
    }

    fn or_name(&self) -> &'static str {
        match self.unit.names {
            [] => "",
            [first, ..] if *first == "JAN" => ", or a name such as JAN",
            _ => ", or a name such as MON",
        }
    }
}

/// Digits, and no sign.
fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

as_json!(Schedule, |_| None);

#[cfg(test)]
mod tests;
