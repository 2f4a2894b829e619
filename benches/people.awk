# Makes messages of lines: id, room, seq, person, time in milliseconds, text. One in five is a few words of its line,
# one in twenty is Japanese. Rooms and people are as uneven as they are.
function pick(list, count) { return list[int(rand() * count) + 1] }
function drawn(sums, count,    at, low, high, middle) {
  at = rand() * sums[count]; low = 1; high = count
  while (low < high) { middle = int((low + high) / 2); if (sums[middle] < at) low = middle + 1; else high = middle }
  return low
}
function japanese(    text) {
  text = pick(noun, nouns)
  if (rand() < 0.5) text = text "の" pick(noun, nouns)
  if (rand() < 0.3) text = pick(when, whens) text
  text = text pick(particle, particles) pick(verb, verbs)
  if (rand() < 0.2) text = text "。" pick(noun, nouns) pick(particle, particles) pick(verb, verbs)
  return text
}
function few(    count, from, text, i) {
  count = int(rand() * 6) + 1
  from = int(rand() * (NF - count > 0 ? NF - count : 1)) + 1
  text = $from
  for (i = from + 1; i < from + count && i <= NF; i++) text = text " " $i
  return text
}
BEGIN {
  srand(7)
  nouns = split("設定 サーバー 接続 認証 利用者 部屋 送信 受信 通知 検索 索引 履歴 保存 削除 更新 変更 確認 障害 復旧 起動 停止 再起動 監視 負荷 遅延 時刻 期限 権限 管理者 招待 暗号 証明書 鍵 番号 順序 記録 文書 資料 会議 予定 明日 今日 昨日 東京 大阪 京都 天気 電車 昼食 夕食 映画 音楽 写真 動画 言語 翻訳 型 関数 引数 変数 配列 文字列 例外 試験 ビルド デプロイ ファイル フォルダー データベース メッセージ スレッド リアクション コミット ブランチ レビュー バグ ログ メモリー ディスク ネットワーク クライアント ブラウザー", noun, " ")
  whens = split("先週 来週 今朝 昨夜 本日は 現在 最近 以前は 必ず 一度", when, " ")
  particles = split("を が は に で も", particle, " ")
  verbs = split("変更しました 確認してください 見つかりません 壊れています 動きません 直しました 追加したい 消してもいいですか 遅いです 始まります 終わりました 忘れていました 調べています 出来ました 教えてください 増やしましょう 減っています 必要です 読めません 書きました", verb, " ")
  for (i = 1; i <= 100; i++) rooms[i] = rooms[i - 1] + 1 / i
  for (i = 1; i <= 500; i++) people[i] = people[i - 1] + 1 / (i + 2)
  at = 1790000000000
}
{
  if (NR > rows) exit
  text = $0
  if (rand() < 0.05) text = japanese()
  else if (rand() < 0.2) text = few()
  room = drawn(rooms, 100)
  at += int(-log(1 - rand()) * 7800)
  printf "%d\t%d\t%d\t%d\t%.0f\t%s\n", NR, room, ++seq[room], drawn(people, 500), at, text
}
