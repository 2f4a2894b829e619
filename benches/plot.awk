# Draws series of points (series, x, y; tab separated) as SVG: x by powers of ten, or as it is where
# linear is set; y from zero.
function log10(x) { return log(x) / log(10) }
function lx(x) { return linear ? x : log10(x) }
function px(x) { return 70 + 500 * (lx(x) - x0) / (x1 > x0 ? x1 - x0 : 1) }
function py(y) { return 270 - 220 * y / top }
{ n++; series[n] = $1; xs[n] = $2 + 0; ys[n] = $3 + 0
  at = lx(xs[n]); if (n == 1 || at < x0) x0 = at; if (n == 1 || at > x1) x1 = at
  if (ys[n] > top) top = ys[n] }
END {
  if (top == 0) top = 1
  top *= 1.1
  print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 620 330\" font-family=\"sans-serif\" font-size=\"12\">"
  print "<rect width=\"620\" height=\"330\" fill=\"white\"/>"
  printf "<text x=\"70\" y=\"24\" font-size=\"14\">%s</text>\n", title
  for (i = 0; i <= 4; i++) {
    y = top * i / 4
    printf "<line x1=\"70\" x2=\"570\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>", py(y), py(y)
    printf "<text x=\"64\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>\n", py(y) + 4, y
  }
  split("#1b6ac9 #c9541b #2a8f4a", colours, " ")
  for (i = 1; i <= n; i++) {
    if (!(series[i] in colour)) {
      colour[series[i]] = colours[++count]
      printf "<text x=\"80\" y=\"%d\" fill=\"%s\">%s</text>\n", 44 + 16 * count, colours[count], series[i]
    } else
      printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"2\"/>\n", \
        px(xs[i - 1]), py(ys[i - 1]), px(xs[i]), py(ys[i]), colour[series[i]]
    if (linear) continue
    printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>", px(xs[i]), py(ys[i]), colour[series[i]]
    if (!(xs[i] in labelled)) {
      labelled[xs[i]] = 1
      printf "<text x=\"%.1f\" y=\"288\" text-anchor=\"middle\">%d</text>\n", px(xs[i]), xs[i]
    }
  }
  for (i = 0; linear && i <= 5; i++) {
    x = x0 + (x1 - x0) * i / 5
    printf "<text x=\"%.1f\" y=\"288\" text-anchor=\"middle\">%.3g</text>\n", px(x), x
  }
  printf "<text x=\"320\" y=\"312\" text-anchor=\"middle\">%s</text>\n", xlabel
  printf "<text x=\"16\" y=\"160\" text-anchor=\"middle\" transform=\"rotate(-90 16 160)\">%s</text>\n</svg>\n", ylabel
}
