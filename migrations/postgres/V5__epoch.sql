-- floor: 1
-- Whether the past is the one that clients know. A restore or a failover that went back begins another
-- epoch, and what clients hold from the one before means nothing in it.
CREATE TABLE epoch (
  one             boolean PRIMARY KEY DEFAULT true CHECK (one),
  epoch           text NOT NULL DEFAULT replace(gen_random_uuid()::text, '-', ''),
  since           timestamptz NOT NULL DEFAULT now(),
  -- Why the one before ended; the first has no reason.
  reason          text,
  -- When an operator said that this is known.
  acknowledged_at timestamptz
);
INSERT INTO epoch DEFAULT VALUES;
