-- Undoes V3: no message goes. A program that comes again makes a new secret.
DROP TABLE notices;
DROP TABLE secrets;
