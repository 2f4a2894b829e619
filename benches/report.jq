# Results as Markdown: the median of each figure with its spread, and the ratio to its reference.
def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def short: if . >= 100 then round elif . >= 10 then . * 10 | round / 10 else . * 100 | round / 100 end | tostring;
def spread: "\(median | short) (\(min | short)–\(max | short))";
def figures:
  map(select(.what)) | group_by(.what) | sort_by(.[0].suite)[] |
  (map(.beside) | map(select(. != null))) as $beside |
  "| \(.[0].what) | \(map(.value) | spread) \(.[0].unit) | " +
  (if $beside == [] then " | |" else
    "\(.[0].reference): \($beside | spread) | \(map(select(.beside) | .value / .beside) | median | short) |" end);
def points:
  map(select(.plot)) | group_by(.plot)[] | "", "**\(.[0].plot)**", "",
  (group_by(.series)[] | "- \(.[0].series): " +
    (group_by(.x) | map("\(.[0].x): \(map(.y) | spread)") | join(", ")));
"| what | median (lowest–highest) | reference | ratio |", "|---|---|---|---|", figures, points
