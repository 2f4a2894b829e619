//! Notices on their way to other instances: written, read within seconds, and forgotten.
use std::time::Duration;

use async_trait::async_trait;

use super::ask::{Ask, Statement, Turn};
use super::sql::Arg;
use super::{Notices, StoreError};

/// How long a row is kept: instances look every few seconds.
pub const NOTICE_LIFE: Duration = Duration::from_secs(30);

/// Rows that one look reads at most; it looks again soon.
const MOST: i64 = 1_000;

/// Some consecutive notices of one run of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulletin {
    pub origin: i64,
    /// The number of the last of them.
    pub n: i64,
    /// A JSON array.
    pub body: String,
}

#[async_trait]
impl<A: Ask> Notices for A {
    async fn tell(&self, bulletin: &Bulletin) -> Result<(), StoreError> {
        let forget = "DELETE FROM notices WHERE origin = $1 AND created_at < @now($2)";
        let old = [bulletin.origin.into(), Arg::Ago(NOTICE_LIFE)];
        let enter = "INSERT INTO notices (origin, n, body) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING";
        let new = [
            bulletin.origin.into(),
            bulletin.n.into(),
            bulletin.body.as_str().into(),
        ];
        let statements: [Statement<'_>; 2] = [(forget, &old), (enter, &new)];
        self.run(Turn::Repeatable, &statements).await?;
        Ok(())
    }

    async fn told(&self, origin: i64, known: &[(i64, i64)]) -> Result<Vec<Bulletin>, StoreError> {
        let (origins, places): (Vec<i64>, Vec<i64>) = known.iter().copied().unzip();
        /// What others told beyond what is known.
        macro_rules! told {
            ($known:literal) => {
                concat!(
                    "SELECT t.origin, t.n, t.body FROM notices t LEFT JOIN ",
                    $known,
                    " ON k.origin = t.origin
                     WHERE t.origin <> $1 AND t.n > coalesce(k.n, 0)
                     ORDER BY t.origin, t.n LIMIT $4"
                )
            };
        }
        let sql = self.either(
            told!("unnest($2::bigint[], $3::bigint[]) AS k (origin, n)"),
            told!(
                "(SELECT o.value AS origin, p.value AS n
                  FROM json_each($2) o JOIN json_each($3) p ON p.key = o.key) k"
            ),
        );
        let (origins, places) = (Arg::Numbers(&origins), Arg::Numbers(&places));
        let args = [origin.into(), origins, places, MOST.into()];
        let rows: Vec<(i64, i64, String)> = self.all(Turn::Read, &[(sql, &args)]).await?;
        let bulletin = |(origin, n, body)| Bulletin { origin, n, body };
        Ok(rows.into_iter().map(bulletin).collect())
    }
}
