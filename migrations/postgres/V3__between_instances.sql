-- floor: 1
-- What the instances of one database share beside its messages.

-- Random values that are made by the first who needs one and are nobody else's business. `bus` is
-- the key under which instances prove to each other what they publish.
CREATE TABLE secrets (
  name       text PRIMARY KEY,
  value      bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Who came, went or has another name, told to the other instances and forgotten soon after.
-- `origin` is a run of an instance, which counts its notices 1, 2, 3, …; a row holds some of
-- them, of which `n` is the number of the last.
CREATE TABLE notices (
  origin     bigint NOT NULL,
  n          bigint NOT NULL,
  body       text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (origin, n)
);
