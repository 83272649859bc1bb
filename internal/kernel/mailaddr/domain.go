package mailaddr

import (
	"strings"

	"golang.org/x/net/publicsuffix"

	"sekisho/internal/kernel/fault"
)

// Registrable gives the part of a canonical domain that somebody registered: one
// label below its public suffix (mail.example.co.jp → example.co.jp), by the
// Public Suffix List of golang.org/x/net.
func Registrable(domain string) (string, error) {
	r, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return "", fault.Invalid("mailaddr.domain").Because(err)
	}
	return r, nil
}

// FreeMailAsOf is the day the list behind FreeMail was last looked over.
const FreeMailAsOf = "2026-11-22"

// freeMail are domains whose addresses anybody can have: web mail, mobile
// carriers and access providers, each with all its subdomains. Compiled from the
// providers' public service descriptions; names no longer given out stay in,
// because their addresses still work.
const freeMail = `
gmail.com googlemail.com outlook.com outlook.jp hotmail.com hotmail.co.jp live.com live.jp live.co.jp msn.com
yahoo.co.jp yahoo.ne.jp yahoo.com ymail.com ymail.ne.jp rocketmail.com ybb.ne.jp
icloud.com me.com mac.com aol.com aol.jp gmx.com gmx.net gmx.de mail.com mail.ru yandex.com yandex.ru
proton.me protonmail.com pm.me tutanota.com tuta.io tuta.com zohomail.com zohomail.jp fastmail.com hey.com
qq.com foxmail.com 163.com 126.com yeah.net sina.com sohu.com naver.com hanmail.net daum.net
excite.co.jp goo.jp mail.goo.ne.jp infoseek.jp livedoor.com mail.rakuten.com nifmail.jp kuku.lu
docomo.ne.jp mopera.net mopera.ne.jp ezweb.ne.jp au.com auone.jp uqmobile.jp uqwimax.jp biglobe.jp
softbank.ne.jp i.softbank.jp softbank.jp vodafone.ne.jp jp-d.ne.jp jp-h.ne.jp jp-t.ne.jp jp-c.ne.jp jp-r.ne.jp
jp-k.ne.jp jp-n.ne.jp jp-s.ne.jp jp-q.ne.jp disney.ne.jp ymobile.ne.jp y-mobile.ne.jp ymobile1.ne.jp yahoo-mobile.jp
emobile.ne.jp emnet.ne.jp emobile-s.ne.jp willcom.com wcm.ne.jp pdx.ne.jp rakumail.jp mineo.jp iijmio-mail.jp
biglobe.ne.jp nifty.com nifty.ne.jp ocn.ne.jp so-net.ne.jp so-net.jp plala.or.jp plala.to dion.ne.jp odn.ne.jp
asahi-net.or.jp asahi-net.jp hi-ho.ne.jp infoweb.ne.jp wakwak.com home.ne.jp zaq.ne.jp jcom.zaq.ne.jp zaq.jp
eonet.ne.jp kcn.jp kcn.ne.jp commufa.jp ctc.ne.jp tnc.ne.jp bbiq.jp megaegg.ne.jp pikara.ne.jp enjoy.ne.jp
interq.or.jp dti.ne.jp sannet.ne.jp people-i.ne.jp tiki.ne.jp mbn.or.jp gol.com alpha-net.ne.jp bekkoame.ne.jp
highway.ne.jp justnet.ne.jp netlaputa.ne.jp par.odn.ne.jp cyberhome.ne.jp tcn-catv.ne.jp catv.ne.jp itscom.net
t-com.ne.jp ctktv.ne.jp cty-net.ne.jp katch.ne.jp starcat.ne.jp mediacat.ne.jp hicat.ne.jp incl.ne.jp nsk.ne.jp
`

var freeMailSet = func() map[string]bool {
	m := map[string]bool{}
	for _, d := range strings.Fields(freeMail) {
		m[d] = true
	}
	return m
}()

// FreeMail tells whether anybody can get an address below domain (フリーメール・携帯・プロバイダー),
// so that the domain says nothing about the company. The list is of FreeMailAsOf.
func FreeMail(domain string) bool {
	for d := domain; ; {
		if freeMailSet[d] {
			return true
		}
		_, rest, ok := strings.Cut(d, ".")
		if !ok {
			return false
		}
		d = rest
	}
}
