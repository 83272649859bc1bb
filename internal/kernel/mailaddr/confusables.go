package mailaddr

// confusable lists, for each character of a skeleton, the characters mistaken for
// it. Letters and digits of other scripts are those that Unicode 15's table for
// UTS #39 (confusables.txt, read through ICU 72, Unicode License v3) folds to an
// ASCII letter or digit and that IDNA allows in a label; accented letters are not
// listed because Skeleton folds accents first. Added by us: 0/o, 1/i/l, letters
// whose capitals or italics look Latin, and kana against kanji. Written as
// escapes, because half of them cannot be told apart in an editor.
var confusable = map[rune]string{
	'2': "\u01bb\u14bf",
	'3': "\u0437\u044d",
	'4': "\u0447",
	'6': "\u0431",
	'8': "\u0223\u09ea\u0a6a\u0b03",
	'9': "\u09ed\u0a67\u0b68\u0d6d",
	'a': "\u0251\u03b1\u0430\u0250\u0252\u1d00",
	'b': "\u0180\u0183\u0253\u0463\u048d\u1472\u1473\u15af\u0432\u044c\u044a\u03b2",
	'c': "\u023c\u0441\u04ab\u1d04\u2ca5",
	'd': "\u0111\u018c\u0256\u0257\u0501\u146f\ua4d2\u1d05",
	'e': "\u0247\u0435\u04bd\u04bf\uab32\u03b5\u025b\u0259\u1d07",
	'f': "\u0192\u0584\u1d6e\u1e9d\ua799\uab35",
	'g': "\u018d\u01e5\u0260\u0261\u0581\u1d83",
	'h': "\u0127\u0266\u045b\u04bb\u0570\ua695\u043d",
	'j': "\u0249\u03f3\u0458\u1d0a",
	'k': "\u0199\u043a\u03ba\u1d0b",
	'l': "1i|\u0131\u0268\u0269\u026a\u03b9\u0456\u04cf\u1d7b\u1d7c\ua647\u0142\u019a\u01c0" +
		"\u026b\u026d\u05d5\u05df\u0627\u0661\u0673\u06f1\u07ca\u16c1\u2d4f\ua4f2",
	'm': "\u0271\u1d6f\u043c\u03bc\u1d0d",
	'n': "\u019e\u0273\u03b7\u0578\u057c\u1d70\u043f\u014b",
	'o': "0\u00f8\u0275\u03bf\u03c3\u043e\u0473\u04e9\u0585\u05e1\u0647\u0665\u06be\u06c1\u06d5\u06f5" +
		"\u06ff\u0966\u0a66\u0ae6\u0be6\u0c02\u0c66\u0c82\u0ce6\u0d02\u0d20\u0d66\u0d82\u0e50\u0ed0\u101d" +
		"\u1040\u10ff\u1d0f\u1d11\u2c9f\ua74b\uab3d\uab3e\u03b8\u07c0\u09e6\u0b20\u0b66\u12d0\u2d31\u2d41" +
		"\u2d54\ua4f3",
	'p':      "\u01a5\u03c1\u0440\u1d7d\u2ca3\u1d18",
	'q':      "\u02a0\u051b\u0563\u0566",
	'r':      "\u024d\u027c\u027d\u0433\u0493\u1d26\u1d72\u2c85\uab47\uab48\u044f\u0280",
	's':      "\u01bd\u0282\u0455\u1d74\ua731",
	't':      "\u0167\u01ad\u1d75\u0442\u03c4\u1d1b",
	'u':      "\u028b\u03c5\u057d\u1d1c\u1d7e\ua79f\uab4e\uab52\u0438",
	'v':      "\u03bd\u0475\u05d8\u1d20",
	'w':      "\u026f\u0461\u047d\u051d\u0561\u1d21\ua761\u0448\u03c9\u0449",
	'x':      "\u0445\u1541\u157d\u03c7",
	'y':      "\u01b4\u024f\u0263\u028f\u03b3\u0443\u04af\u04b1\u10e7\u1d8c\u1eff\uab5a",
	'z':      "\u01b6\u0225\u0290\u1d22\u1d76\u03b6",
	'\u5de5': "\u30a8",       // 工: エ
	'\u529b': "\u30ab",       // 力: カ
	'\u5915': "\u30bf",       // 夕: タ
	'\u535c': "\u30c8",       // 卜: ト
	'\u4e8c': "\u30cb",       // 二: ニ
	'\u516b': "\u30cf",       // 八: ハ
	'\u53e3': "\u30ed\u56d7", // 口: ロ、囗
	'\u3078': "\u30d8",       // へ: ヘ
	'\u4e00': "\u30fc",       // 一: ー
	'\u571f': "\u58eb",       // 土: 士
	'\u672a': "\u672b",       // 未: 末
	'\u5343': "\u5e72",       // 千: 干
	'\u308a': "\u30ea",       // り: リ
}
