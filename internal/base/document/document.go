// Package document is the archive of issued and received documents (文書保管):
// bytes by digest, what is known of them, how long they are kept, and the
// search that the electronic-books law wants (電子帳簿保存法施行規則4条1項,
// 2条2項2号, 2条6項5号: by date, amount and partner, by range, and any of them together).
//
// Nothing here changes or removes a document (同規則4条1項3号: correction and
// deletion are impossible): a corrected one is archived beside the former and
// linked with it.
package document

import (
	"path"
	"slices"
	"strings"

	"sekisho/internal/kernel/blob"
	"sekisho/internal/kernel/extract"
	"sekisho/internal/kernel/fault"
	"sekisho/internal/kernel/jp"
	"sekisho/internal/kernel/policy"
)

// Direction is whose document it is.
type Direction string

const (
	Issued   Direction = "issued"   // by the own company, to a partner
	Received Direction = "received" // from a partner
	Internal Direction = "internal" // neither, such as an attachment before it is sent
)

// Kinds of documents that modules and people archive.
const (
	Invoice    = "invoice"    // 請求書
	Quote      = "quote"      // 見積書
	Order      = "order"      // 注文書
	Delivery   = "delivery"   // 納品書
	Receipt    = "receipt"    // 領収書
	Contract   = "contract"   // 契約書
	Credit     = "credit"     // 返還・取消の書類 (適格返還請求書, 請求取消書)
	Attachment = "attachment" // 添付ファイル
	Other      = "other"
)

var kinds = []string{Invoice, Quote, Order, Delivery, Receipt, Contract, Credit, Attachment, Other}

// MaxSize is the largest file that is uploaded, in bytes (20 MiB).
const MaxSize = 20 << 20

// media are the types of files that are taken in, by ending. Programs, macros
// and markup are not among them.
var media = map[string]string{
	"pdf": "application/pdf", "csv": "text/csv", "tsv": "text/tab-separated-values", "txt": "text/plain",
	"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "tif": "image/tiff", "tiff": "image/tiff",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	"ods":  "application/vnd.oasis.opendocument.spreadsheet", "odt": "application/vnd.oasis.opendocument.text",
}

// mediaOf tells the media type of a file whose name and content agree.
func mediaOf(name string, doc extract.Doc) (string, error) {
	ending := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	m, ok := media[ending]
	switch {
	case !ok:
		return "", fault.Invalid("document.type", "ending", ending).At("name")
	case doc.NameMismatch:
		return "", fault.Invalid("document.mismatch").At("name")
	}
	return m, nil
}

// fits is fault.Invalid for a row that says too little or what cannot be.
func (d Document) fits() error {
	if _, err := blob.ParseDigest(d.Digest); err != nil {
		return fault.Of(err).At("digest")
	}
	if err := jp.FileName(d.Name); err != nil {
		return fault.Of(err).At("name")
	}
	if err := d.Amount.Check(); err != nil {
		return fault.Of(err).At("amount")
	}
	class, err := policy.ParseClass(d.Class)
	switch {
	case !slices.Contains(kinds, d.Kind):
		return fault.Invalid("document.kind").At("kind")
	case d.Direction != Issued && d.Direction != Received && d.Direction != Internal:
		return fault.Invalid("document.direction").At("direction")
	case d.Date.IsZero():
		return fault.Invalid("civil.bad_date").At("date")
	case d.Size <= 0 || d.Media == "":
		return fault.Invalid("document.empty").At("content")
	case err != nil || class < policy.Internal || d.Direction == Issued && class < policy.Confidential:
		return fault.Invalid("document.class").At("class")
	}
	return nil
}

// Clearance is the class of the document as a rank.
func (d Document) Clearance() policy.Class {
	c, err := policy.ParseClass(d.Class)
	if err != nil {
		return policy.Secret
	}
	return c
}

// under are the names of the classes up to c.
func under(c policy.Class) []string {
	var out []string
	for k := policy.Public; k <= c; k++ {
		out = append(out, k.String())
	}
	return out
}
