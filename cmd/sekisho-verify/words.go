package main

import (
	"fmt"
	"strings"
)

// Every sentence of this command, in both languages. They stand here, not in the
// product's package, because this command stands alone.

type lang int

const (
	ja lang = iota
	en
)

// say gives a sentence with its {places} filled by name, value, name, value, ….
func say(l lang, what flaw, args ...any) string {
	var pairs []string
	for i := 0; i+1 < len(args); i += 2 {
		pairs = append(pairs, fmt.Sprintf("{%s}", args[i]), fmt.Sprint(args[i+1]))
	}
	return strings.NewReplacer(pairs...).Replace(sentences[what][l])
}

var sentences = map[flaw][2]string{
	"help": {`sekisho-verify: 書き出された Sekisho の記録を、Sekisho を信用せずに確かめます。

使い方: sekisho-verify --key 鍵 [--against 前のフォルダ | --note ファイル] [--witness 証人のフォルダ] フォルダ

  フォルダ              sekisho verify --export が書き出したフォルダ（vkey, leaves, checkpoints）
  --key 鍵              記録の検証鍵。「名前+8けた+base64」の1行。フォルダの中の vkey を写さず、
                        記録の持ち主から別の道で受け取ったものを使ってください
  --key-file ファイル   検証鍵を1行で書いたファイル（--key の代わり）
  --against フォルダ    同じ記録の、前に受け取った書き出し。その記録がすべてそのまま残っているかを
                        比べ、最初に違う記録の番号を示します
  --witness フォルダ    sekisho witness が写したフォルダ（hashes, checkpoint）。写した記録がすべて
                        そのまま残っているかを比べ、違う記録の番号を示します
  --note ファイル       メールで届いたチェックポイント（添付の checkpoint.txt）。その署名のときの記録が
                        すべてそのまま残っているかを確かめます（--against とは一緒に使えません）
  --lang ja|en          表示の言語
  -h, --help            この説明

終了コード: 0 食い違いなし、1 食い違いあり、2 使い方の誤り・読めないファイル

確かめること: 記録の木（RFC 6962）の根が、署名（Ed25519）されたすべてのチェックポイントと合うこと。
どの記録も署名の下にあること。封印された内容と、書いた行・読んだ行の一覧が、記録の中のハッシュと
合うこと。封印された内容そのものは、鍵がないので読みません。
分からないこと: 末尾がチェックポイントの境目で切り落とされたこと、鍵を持つ人が記録を丸ごと作り
直したこと。どちらも、前に受け取った書き出し（--against）か証人の写し（--witness）、メールで届いた
チェックポイント（--note）と比べると分かります。
`, `sekisho-verify: checks an exported log of Sekisho without trusting Sekisho.

Usage: sekisho-verify --key KEY [--against OLDER | --note FILE] [--witness MIRROR] FOLDER

  FOLDER            what sekisho verify --export wrote (vkey, leaves, checkpoints)
  --key KEY         the log's verifier key, one line "name+8 digits+base64". Do not copy the
                    vkey in the folder: use the one its owner gave you by another way
  --key-file FILE   a file with the verifier key in one line, instead of --key
  --against FOLDER  an export of the same log that you were given earlier: are all its records
                    still there unchanged? The first that differs is named by number
  --witness FOLDER  what sekisho witness mirrored (hashes, checkpoint): are all mirrored records
                    there unchanged? Those that are not are named by number
  --note FILE       a checkpoint that came by mail (the attached checkpoint.txt): are all records
                    it was signed over there unchanged? Not together with --against
  --lang ja|en      language of the output
  -h, --help        this text

Exit code: 0 nothing wrong, 1 damage found, 2 wrong use or an unreadable file

It checks that the root of the tree of records (RFC 6962) is the one in every signed checkpoint
(Ed25519), that every record lies under a signature, and that sealed contents and the lists of rows
written and read fit the hashes in their records. Sealed contents are not read: there is no key here.
It cannot see that the end was cut off at a checkpoint, nor that who has the key rebuilt the whole
log. Both show when compared with an earlier export (--against), a witness (--witness) or a mailed
checkpoint (--note).
`},
	"usage":         {"「{what}」が分かりません。使い方は sekisho-verify --help で出ます。", "This was not understood: {what}. See sekisho-verify --help."},
	"usage_folder":  {"確かめるフォルダがありません。sekisho verify --export で書き出したフォルダを1つ指定してください。", "There is no folder to check. Please name one that sekisho verify --export wrote."},
	"usage_key":     {"検証鍵がないか、2つあります。フォルダの中の鍵では何も証明できないので、持ち主から別の道で受け取った鍵を --key か --key-file のどちらかで指定してください。", "There is no verifier key, or two. The key inside the folder proves nothing, so please give the one its owner gave you by another way, with either --key or --key-file."},
	"usage_note":    {"--note と --against は一緒に使えません。別々に行ってください。", "--note and --against do not go together. Please run them one after the other."},
	"unread":        {"読めなかったため、確かめられませんでした: {what}。名前と読み取りの権限を確かめてください。", "It could not be read, so nothing was verified: {what}. Please check the name and the right to read it."},
	"key_form":      {"検証鍵の形が違います。「名前+8けたの16進数+base64」の1行を、そのまま指定してください。", "This is no verifier key. Please give the one line \"name+8 hex digits+base64\" as it is."},
	"key_hash":      {"検証鍵の中の照合番号が鍵と合いません。写し間違いか、途中で切れています。もう一度受け取ってください。", "The check digits inside the verifier key do not fit: it was mistyped or cut. Please get it again."},
	"export":        {"{dir}（鍵 {key}）", "{dir} (key {key})"},
	"older":         {"前の書き出し {dir}（鍵 {key}）", "Earlier export {dir} (key {key})"},
	"counts":        {"記録 {leaves} 件、合った署名 {checkpoints} 個、記録の中の行 {rows} 件を確かめました。", "Verified {leaves} records, {checkpoints} signed checkpoints that fit, and {rows} rows named in records."},
	"progress":      {"… {leaves} 件", "… {leaves} records"},
	"whole":         {"✓ 食い違いはありません。末尾が切り落とされていないことは、前の書き出しと --against で比べて確かめてください。", "✓ Nothing is wrong. That the end was not cut off shows only against an earlier export (--against)."},
	"whole_against": {"✓ 食い違いはありません。前の書き出しの記録 {leaves} 件は、すべてそのまま残っています。", "✓ Nothing is wrong. All {leaves} records of the earlier export are there unchanged."},
	"whole_witness": {"✓ 食い違いはありません。証人が写した記録 {leaves} 件は、すべてそのまま残っています。", "✓ Nothing is wrong. All {leaves} records that the witness has mirrored are there unchanged."},
	"whole_note":    {"✓ 食い違いはありません。メールのチェックポイントが署名した記録 {leaves} 件は、すべてそのまま残っています。", "✓ Nothing is wrong. All {leaves} records that the mailed checkpoint was signed over are there unchanged."},
	"damaged":       {"食い違い {n} 件。{first}フォルダを変えずに保存し、記録の持ち主に書き出し直しを求め、控えと比べてください。", "{n} damages. {first}Keep the folder as it is, ask the log's owner for a new export, and compare with copies kept elsewhere."},
	"first_leaf":    {"最初は記録 {leaf}。", "The first is record {leaf}. "},
	"no_leaf":       {"特定の記録についてのものはありません。", "None is about a certain record. "},
	"range":         {"{leaf}〜{last}", "{leaf} to {last}"},
	"more":          {"… ほかに {n} 件", "… {n} more"},
	"at_note":       {"チェックポイント {note} 番目: ", "Checkpoint {note}: "},

	"no_vkey":         {"vkey がありません。書き出しが欠けています。", "There is no vkey: the export is incomplete."},
	"no_leaves":       {"leaves がありません。書き出しが欠けています。", "There is no file leaves: the export is incomplete."},
	"no_checkpoints":  {"checkpoints がありません。書き出しが欠けています。", "There is no file checkpoints: the export is incomplete."},
	"vkey_form":       {"フォルダの中の vkey が検証鍵の形をしていません。書き換えられています。", "The vkey in the folder is no verifier key: it was altered."},
	"vkey_other":      {"フォルダの中の vkey が、指定された鍵と違います。別の記録か、別の鍵で作り直された記録です。", "The vkey in the folder is not the key given: this is another log, or one rebuilt with another key."},
	"file_cut":        {"記録 {leaf} の途中で leaves が切れています。", "The file leaves ends in the middle of record {leaf}."},
	"file_length":     {"記録 {leaf} の長さが読めません。leaves が書き換えられています。", "The length of record {leaf} cannot be read: leaves was altered."},
	"leaf_missing":    {"記録 {leaf} は、書き出したときすでに失われていました。", "Record {leaf} was gone already when the log was exported."},
	"leaf_altered":    {"記録 {leaf} が書き換えられています（署名されたハッシュと合いません）。", "Record {leaf} was altered: it is not the one whose hash was signed."},
	"hashes_more":     {"hashes が leaves より長いか、途中で切れています。書き出しが書き換えられています。", "The file hashes is longer than leaves, or cut: the export was altered."},
	"witness_key":     {"証人のチェックポイントに、指定された鍵の署名がありません。別の記録の証人か、別の鍵で作り直された記録です。", "The witness's checkpoint has no signature of the key given: it witnesses another log, or one rebuilt with another key."},
	"witness_harmed":  {"証人の写し（hashes）が、そのチェックポイントと合いません。写しが壊れています。", "The witness's hashes do not fit its checkpoint: the mirror is harmed."},
	"witness_differs": {"記録 {leaf} が、証人が写したものと違います。過去が書き換えられています。", "Record {leaf} is not what the witness has mirrored: the past was rewritten."},
	"witness_shorter": {"証人が写した記録 {leaf} がありません。末尾が切り落とされたか、古い状態に戻されています。", "Record {leaf}, which the witness has mirrored, is missing: the end was cut off, or the log was put back to an older state."},
	"leaves_short":    {"記録 {leaf} がありません。署名はもっと先まであります。", "Record {leaf} is missing: there are signatures beyond it."},
	"leaves_unsigned": {"記録 {leaf} は最後の署名より後にあり、何にも証明されていません。", "Record {leaf} stands after the last signature: nothing proves it."},
	"nothing_signed":  {"有効な署名が1つもありません。何も証明されていません。", "There is not one valid signature: nothing is proven."},
	"root":            {"署名された根が記録と合いません。記録 {leaf} のどこかが書き換え・追加・削除・入れ替えされています。これより後の根は比べられません。", "The signed root does not fit: at record {leaf} something was altered, added, removed or moved. Later roots cannot be compared."},
	"differs":         {"記録 {leaf} が前の書き出しと違います。過去が書き換えられています。両方のフォルダが証拠です。", "Record {leaf} is not what the earlier export has: the past was rewritten. Both folders are evidence."},
	"shorter":         {"前の書き出しにある記録 {leaf} がありません。末尾が切り落とされたか、古い状態に戻されています。", "Record {leaf} of the earlier export is missing: the end was cut off, or the log was put back to an older state."},

	"mailed_differs": {"記録 {leaf} のどこかが、メールのチェックポイントが署名したものと違います。過去が書き換えられています。メールとフォルダが証拠です。", "Somewhere in records {leaf} is not what the mailed checkpoint was signed over: the past was rewritten. Mail and folder are evidence."},
	"mailed_shorter": {"メールのチェックポイントが署名した記録 {leaf} がありません。末尾が切り落とされたか、古い状態に戻されています。", "Record {leaf}, which the mailed checkpoint was signed over, is missing: the end was cut off, or the log was put back to an older state."},

	"body_form":       {"記録 {leaf} が、記録の形をしていません。", "Record {leaf} is not in the form of a record."},
	"body_member":     {"記録 {leaf} に、知らない項目があるか、必要な項目がありません。", "Record {leaf} has an unknown member or lacks one."},
	"body_version":    {"記録 {leaf} の形式の版が 1 ではありません。この sekisho-verify には新しすぎるか、書き換えられています。", "Record {leaf} is not of format version 1: it is too new for this sekisho-verify, or was altered."},
	"payload_altered": {"記録 {leaf} の封印された内容が書き換えられています。", "The sealed contents of record {leaf} were altered."},
	"payload_gone":    {"記録 {leaf} の封印された内容が空になっています。", "The sealed contents of record {leaf} were emptied."},
	"payload_extra":   {"記録 {leaf} に、記録にない内容が付け足されています。", "Contents that the record does not name were added to record {leaf}."},
	"marks_form":      {"記録 {leaf} の行の一覧が読めません。", "The list of rows of record {leaf} cannot be read."},
	"marks_altered":   {"記録 {leaf} の、書いた行の一覧が記録と合いません。", "The list of rows written does not fit record {leaf}."},
	"marks_extra":     {"記録 {leaf} に、記録にない行の一覧が付け足されています。", "A list of rows that the record does not name was added to record {leaf}."},
	"seen_form":       {"記録 {leaf} の、読んだ行の一覧の形が違います。", "The list of rows read in record {leaf} is not in its form."},
	"seen_altered":    {"記録 {leaf} の、読んだ行の一覧が記録と合いません。", "The list of rows read does not fit record {leaf}."},

	"note_cut":       {"途中で切れています。", "it is cut off."},
	"note_form":      {"署名された文書の形（C2SP）をしていません。書き換えられています。", "it is no signed note with a checkpoint (C2SP): it was altered."},
	"note_unsigned":  {"指定された鍵の署名がありません。別の記録か、別の鍵で作り直された記録です。", "it has no signature of the key given: another log, or one rebuilt with another key."},
	"note_signature": {"署名が文書と合いません。書き換えられています。", "its signature does not fit: it was altered."},
	"note_origin":    {"別の記録のものです。", "it belongs to another log."},
	"note_order":     {"順番が違います。同じ大きさか、前より小さい大きさです。", "it is out of order: no larger than the one before."},
}
