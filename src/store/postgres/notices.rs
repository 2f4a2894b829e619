//! Notices on their way to other instances.
use super::connection::Connection;
use super::seconds;
use crate::store::notices::{Bulletin, MOST, NOTICE_LIFE};

pub(super) async fn tell(
    connection: &mut Connection,
    bulletin: &Bulletin,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "WITH old AS (DELETE FROM notices
           WHERE origin = $1 AND created_at < now() - make_interval(secs => $4))
         INSERT INTO notices (origin, n, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    );
    let query = query.bind(bulletin.origin).bind(bulletin.n);
    let query = query.bind(&bulletin.body).bind(seconds(NOTICE_LIFE));
    connection.run(query).await?;
    Ok(())
}

pub(super) async fn told(
    connection: &mut Connection,
    origin: i64,
    known: &[(i64, i64)],
) -> Result<Vec<Bulletin>, sqlx::Error> {
    let (origins, places): (Vec<i64>, Vec<i64>) = known.iter().copied().unzip();
    let query = sqlx::query_as(
        "SELECT t.origin, t.n, t.body FROM notices t
         LEFT JOIN unnest($2::bigint[], $3::bigint[]) AS k (origin, n) ON k.origin = t.origin
         WHERE t.origin <> $1 AND t.n > coalesce(k.n, 0) ORDER BY t.origin, t.n LIMIT $4",
    );
    let query = query.bind(origin).bind(origins).bind(places).bind(MOST);
    let rows: Vec<(i64, i64, String)> = connection.all(query).await?;
    let bulletin = |(origin, n, body)| Bulletin { origin, n, body };
    Ok(rows.into_iter().map(bulletin).collect())
}
