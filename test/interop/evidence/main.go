// Evidence is the other side of a judgement: Google's verifiers of TDX quotes and SEV-SNP reports, in Go.
//
//	evidence IN OUT
//
// IN has a JSON object on each line: a set of collateral, which later lines name, or a case. OUT gets the outcome of
// each case in order. Nothing is fetched: what the libraries ask their getters for is answered from the set.
package main

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"time"

	sevabi "github.com/google/go-sev-guest/abi"
	"github.com/google/go-sev-guest/proto/sevsnp"
	sevvalidate "github.com/google/go-sev-guest/validate"
	sevverify "github.com/google/go-sev-guest/verify"
	sevtrust "github.com/google/go-sev-guest/verify/trust"
	tdxverify "github.com/google/go-tdx-guest/verify"
	"github.com/google/logger"
)

type files map[string][]byte

type line struct {
	// Of a set: its name and files, by the names that the corpus has.
	Set   string `json:"set"`
	Files files  `json:"files"`
	// Of a case, which names its set by With.
	Kind     string `json:"kind"`
	With     string `json:"with"`
	Evidence []byte `json:"evidence"`
	At       int64  `json:"at"`
	// The SEV-SNP product of the trusted root.
	Product string `json:"product"`
}

type outcome struct {
	// accepted, outdated (authentic, but its level of security is not current), refused or panic.
	Outcome string `json:"outcome"`
	Why     string `json:"why"`
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// pcs answers what go-tdx-guest asks Intel's provisioning service for.
type pcs files

func (p pcs) Get(address string) (map[string][]string, []byte, error) {
	answer := func(chain, header, body string) (map[string][]string, []byte, error) {
		content, found := p[body]
		if !found {
			return nil, nil, fmt.Errorf("no %s", body)
		}
		return map[string][]string{header: {url.QueryEscape(string(p[chain]))}}, content, nil
	}
	switch {
	case strings.Contains(address, "/tcb?"):
		return answer("tcb_signing_chain.pem", "Tcb-Info-Issuer-Chain", "tcb_info.json")
	case strings.Contains(address, "/qe/identity"):
		return answer("tcb_signing_chain.pem", "Sgx-Enclave-Identity-Issuer-Chain", "qe_identity.json")
	case strings.Contains(address, "/pckcrl?"):
		return answer("pck_crl_issuer_chain.pem", "Sgx-Pck-Crl-Issuer-Chain", "pck_crl.der")
	case strings.HasSuffix(address, "IntelSGXRootCA.der"):
		return answer("", "", "root_ca_crl.der")
	}
	return nil, nil, fmt.Errorf("nothing is at %s", address)
}

// A status that is not current is found last, after all signatures.
var outdated = []string{"TCB Status is not", "no matching TCB level found", "could not find a TDX Module Identity TCB Level", "it is now OutOfDate"}

func judgeTdx(c line, set files) outcome {
	root, err := x509.ParseCertificate(set["root.der"])
	check(err)
	options := tdxverify.DefaultOptions()
	options.TrustedRoots = x509.NewCertPool()
	options.TrustedRoots.AddCert(root)
	options.Now = time.UnixMilli(c.At).UTC()
	options.Getter = pcs(set)
	options.GetCollateral = true
	options.CheckRevocations = true
	err = tdxverify.RawTdxQuote(c.Evidence, options)
	if err == nil {
		return outcome{Outcome: "accepted"}
	}
	for _, words := range outdated {
		if strings.Contains(err.Error(), words) {
			return outcome{"outdated", err.Error()}
		}
	}
	return outcome{"refused", err.Error()}
}

// kds answers every question for a revocation list with the one of the set.
type kds files

func (k kds) Get(string) ([]byte, error) {
	if list, found := k["crl.der"]; found {
		return list, nil
	}
	return nil, errors.New("no crl.der")
}

// certificate of a set, DER or PEM; nil when it has none.
func (f files) certificate(name string) (*x509.Certificate, error) {
	raw, found := f[name]
	if !found {
		return nil, nil
	}
	if block, _ := pem.Decode(raw); block != nil {
		raw = block.Bytes
	}
	return x509.ParseCertificate(raw)
}

func judgeSnp(c line, set files) outcome {
	refused := func(err error) outcome { return outcome{"refused", err.Error()} }
	report, err := sevabi.ReportToProto(c.Evidence)
	if err != nil {
		return refused(err)
	}
	attestation := &sevsnp.Attestation{Report: report, CertificateChain: &sevsnp.CertificateChain{}}
	root := sevtrust.AMDRootCertsProduct(c.Product)
	root.ProductCerts = &sevtrust.ProductCerts{}
	for name, place := range map[string]**x509.Certificate{
		"ark": &root.ProductCerts.Ark, "ask": &root.ProductCerts.Ask, "asvk": &root.ProductCerts.Asvk,
	} {
		if *place, err = set.certificate(name); err != nil {
			return refused(err)
		}
	}
	for name, place := range map[string]*[]byte{
		"vcek": &attestation.CertificateChain.VcekCert, "vlek": &attestation.CertificateChain.VlekCert,
	} {
		found, err := set.certificate(name)
		if err != nil {
			return refused(err)
		}
		if found != nil {
			*place = found.Raw
		}
	}
	_, listed := set["crl.der"]
	err = sevverify.SnpAttestation(attestation, &sevverify.Options{
		CheckRevocations:    listed,
		DisableCertFetching: true,
		Getter:              kds(set),
		Now:                 time.UnixMilli(c.At).UTC(),
		TrustedRoots:        map[string][]*sevtrust.AMDRootCerts{c.Product: {root}},
	})
	if err != nil {
		return refused(err)
	}
	// Whether the certificate is of this chip and these versions is asked here; all that can be allowed is.
	err = sevvalidate.SnpAttestation(attestation, &sevvalidate.Options{
		GuestPolicy:               sevabi.SnpPolicy{SMT: true, MigrateMA: true, Debug: true, CXLAllowed: true},
		PermitProvisionalFirmware: true,
	})
	if err != nil {
		return refused(err)
	}
	return outcome{Outcome: "accepted"}
}

func judge(c line, set files) (result outcome) {
	defer func() {
		if what := recover(); what != nil {
			frames := bytes.Split(debug.Stack(), []byte("\n"))
			result = outcome{"panic", fmt.Sprintf("%v: %s", what, bytes.Join(frames[:min(len(frames), 14)], []byte(" ")))}
		}
	}()
	if c.Kind == "tdx" {
		return judgeTdx(c, set)
	}
	return judgeSnp(c, set)
}

func main() {
	if len(os.Args) != 3 {
		check(errors.New("evidence IN OUT"))
	}
	logger.Init("", false, false, io.Discard)
	in, err := os.Open(os.Args[1])
	check(err)
	file, err := os.Create(os.Args[2])
	check(err)
	out := bufio.NewWriter(file)
	sets := map[string]files{}
	decoder := json.NewDecoder(bufio.NewReaderSize(in, 1<<20))
	encoder := json.NewEncoder(out)
	for {
		var next line
		if err := decoder.Decode(&next); err == io.EOF {
			break
		} else {
			check(err)
		}
		if next.Set != "" {
			sets[next.Set] = next.Files
			continue
		}
		set, found := sets[next.With]
		if !found {
			check(fmt.Errorf("no set %s", next.With))
		}
		check(encoder.Encode(judge(next, set)))
	}
	check(out.Flush())
	check(file.Close())
}
