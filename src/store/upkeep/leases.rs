//! Leases: what one at a time may do, across processes and machines.
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{AHEAD, Held, Upkeep};
use crate::store::StoreError;
use crate::store::sql::Arg;

impl Upkeep {
    /// Takes the lease for `life`, unless another holder has it and their time is not over: then
    /// that is the answer. One that ends far later than `life` was taken by a clock that went back
    /// since, and is over.
    pub async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        life: Duration,
    ) -> Result<Option<Held>, StoreError> {
        let sql = "INSERT INTO leases (name, holder, until) VALUES ($1, $2, @now($3))
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
             WHERE leases.until <= @now OR leases.until > @now($4)
                OR leases.holder = excluded.holder";
        let (until, far) = (Arg::Ahead(life), Arg::Ahead(life + AHEAD));
        let args = [name.into(), holder.into(), until, far];
        loop {
            if self.0.run(sql, &args).await? > 0 {
                return Ok(None);
            }
            // Gone since: then it can be had.
            if let Some(held) = self.lease(name).await? {
                return Ok(Some(held));
            }
        }
    }

    /// Makes it last for `life` from now on; false if another holder has it by now.
    pub async fn renew_lease(
        &self,
        name: &str,
        holder: &str,
        life: Duration,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE leases SET until = @now($3) WHERE name = $1 AND holder = $2";
        let args = [name.into(), holder.into(), Arg::Ahead(life)];
        Ok(self.0.run(sql, &args).await? > 0)
    }

    /// Lets go of it, if `holder` has it.
    pub async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM leases WHERE name = $1 AND holder = $2";
        self.0.run(sql, &[name.into(), holder.into()]).await?;
        Ok(())
    }

    /// Its holder now.
    pub async fn lease(&self, name: &str) -> Result<Option<Held>, StoreError> {
        let sql = "SELECT holder, until FROM leases WHERE name = $1 AND until > @now";
        let row: Option<(String, DateTime<Utc>)> = self.0.first(sql, &[name.into()]).await?;
        Ok(row.map(Held::from))
    }
}
