-- Undoes V5: no message goes. A program that comes again begins a new epoch.
DROP TABLE epoch;
