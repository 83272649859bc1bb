package vault

// cheap are password costs for tests only.
var cheap = Params{MemoryKiB: 64, Passes: 1, Threads: 1}

// Values made once by the ring of seeded(); they must open for ever.
const (
	goldenSealed    = "0107eb0001e2e0c4589131d58bd420ff779cf9c906cd8bd054dd20496a979c4dd90215de9fa563b6864374c8a66e995fb29ba53cd651bbe5f44500a9d755cc639a"
	goldenWrapped   = "0207eb0001429713aeab3d767dac620f15f33835b35adfc9ca260a4bb56ce6a25494a87b07a0f9b2f89726c835257e8a3e8f74f591f96f570d61436175bc5169ee"
	goldenUnderData = "03f30fce2c5493e5eda7cf1c1137592dc6de8b36e2eec9d04e812e3bdce62451081f046436f6ec72221526cf3ab6f6b866"
	goldenPHC       = "g01FUS3ChBDMteRRW8WSGQ$y/KI/QKG81JVU3UmGvXlnBb0u3fB/DDuORSMedohuHk"
)

var golden = map[string]string{
	"id":       "e386a0a97d5a1988",
	"db":       "0365467bc99bbc42",
	"row":      "7e37a8cfe975f57e49ad8c56134e5cc5beafbf8da71e3beeb5668766595133b4",
	"index":    "cb93bf5240876c2b1347c0744ec46731",
	"mac":      "bfb2e52688cb6a4232faae059ea49f6303578c2fe193efa76e99772e24e31476",
	"verifier": "sekisho.example.co.jp/log+0cd01087+AWBtPL/VdbnaDFzGQkp16Ijnt8ekzzMB+VyzWo5cjRMW",
	"sealed":   "北斗サプライ",
	"data":     "data",
}
