//! Why something is not well, and which runbook deals with that: the one place that says it.

/// A cause, as far as it decides what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nothing of it runs, and nothing says that it should.
    NotStarted,
    Starting,
    /// It is being stopped, or was taken out of balancers' hands.
    Leaving,
    /// It ended without a word.
    Died,
    /// It runs, and does not answer as it should.
    Unresponsive,
    /// All connections that it allows are taken.
    CrowdedOut,
    /// Something else is in its place.
    Taken,
    /// It cannot be found out as this user.
    Unseen,
    /// Nothing answers where the database should, or not as it should.
    DatabaseAway,
    /// It answers, and has no connection or no time for us.
    DatabaseBusy,
    /// What it holds cannot be read any more.
    DatabaseDamaged,
    /// Its files were taken away or replaced, or what is to take its place is no good.
    DatabaseLost,
    /// It answers, and does not let us.
    DatabaseDenies,
    /// There is no file of that name, where one is made at the first start.
    NoDatabase,
    SchemaUnfit,
    /// What is read often is not in memory, as after a start or an outage.
    CacheCold,
    BusAway,
    BusSlow,
    DiskFull,
    TableLarge,
    /// The last verified backup is old, or there is none.
    BackupOld,
    /// The certificate that is shown ends soon or has ended, or a new one cannot be used.
    CertificateEnds,
    /// Messages that were shown are not stored any more.
    PastChanged,
}

impl Cause {
    /// The name of the runbook, where one deals with it.
    pub fn runbook(self) -> Option<&'static str> {
        match self {
            Self::Died | Self::Unresponsive => Some("bad-deploy"),
            Self::DatabaseAway => Some("database-down"),
            Self::DatabaseBusy => Some("pool-exhaustion"),
            Self::DatabaseDamaged => Some("damaged-database"),
            Self::DatabaseLost => Some("restore-backup"),
            Self::DiskFull => Some("disk-full"),
            Self::SchemaUnfit => Some("failed-migration"),
            Self::BusAway | Self::BusSlow => Some("valkey-down"),
            Self::PastChanged => Some("failover"),
            Self::NotStarted
            | Self::Starting
            | Self::Leaving
            | Self::CrowdedOut
            | Self::Taken
            | Self::Unseen
            | Self::DatabaseDenies
            | Self::NoDatabase
            | Self::CacheCold
            | Self::TableLarge
            | Self::BackupOld
            | Self::CertificateEnds => None,
        }
    }

    /// What to do where no runbook is needed for it, or before one is opened.
    pub fn fix(self) -> Option<&'static str> {
        match self {
            Self::NotStarted => Some(
                "discordctl start, for an instance with a file; discordctl serve for one without",
            ),
            Self::Starting => Some("wait; discordctl status says what it waits for"),
            Self::Leaving => Some("wait for its end, or take a drain back with discordctl undrain"),
            Self::CrowdedOut => Some(
                "raise 'limits.connections', or end what should not be there: discordctl connections \
                 lists them, discordctl disconnect ends one",
            ),
            Self::Taken => {
                Some("look at that process; give the instance a place and ports of its own")
            }
            Self::Unseen => Some("look as the user who runs it"),
            Self::DatabaseDenies => Some(
                "give this role what it needs: to connect, USAGE on the schema, and SELECT, INSERT, \
                 UPDATE and DELETE on its tables; migrating needs their owner",
            ),
            Self::NoDatabase => Some(
                "discordctl serve makes it; if it was there before, see 'db_url' and the folder \
                 from which the program is started",
            ),
            Self::DiskFull => Some("make room: discordctl storage shows what takes it"),
            Self::CacheCold => Some(
                "wait a minute after a start or an outage; if it stays, readers are far behind or \
                 come again after long: 'discordctl monitor' shows how many",
            ),
            Self::TableLarge => {
                Some("discordctl storage shows how fast it grows; discordctl cleanup trims rooms")
            }
            Self::CertificateEnds => Some(
                "put a certificate with its key where 'tls.cert' and 'tls.key' say: it is in service within \
                 seconds",
            ),
            Self::BackupOld => Some(
                "discordctl jobs list says how the last run went; discordctl jobs run backup makes one",
            ),
            Self::Died
            | Self::Unresponsive
            | Self::DatabaseAway
            | Self::DatabaseBusy
            | Self::DatabaseDamaged
            | Self::DatabaseLost
            | Self::SchemaUnfit
            | Self::BusAway
            | Self::BusSlow
            | Self::PastChanged => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cause;

    #[test]
    fn every_cause_has_a_way_on() {
        let all = [
            Cause::NotStarted,
            Cause::Starting,
            Cause::Leaving,
            Cause::Died,
            Cause::Unresponsive,
            Cause::CrowdedOut,
            Cause::Taken,
            Cause::Unseen,
            Cause::DatabaseAway,
            Cause::DatabaseBusy,
            Cause::DatabaseDamaged,
            Cause::DatabaseLost,
            Cause::DatabaseDenies,
            Cause::NoDatabase,
            Cause::SchemaUnfit,
            Cause::CacheCold,
            Cause::BusAway,
            Cause::BusSlow,
            Cause::DiskFull,
            Cause::TableLarge,
            Cause::BackupOld,
            Cause::PastChanged,
        ];
        for cause in all {
            assert!(
                cause.runbook().is_some() || cause.fix().is_some(),
                "{cause:?}"
            );
        }
    }
}
