package actors

import "net/netip"

// admission counts who was let in, where there is a cap.
type admission struct {
	total int
	byIP  map[netip.Addr]int
}

// Admit counts a connection from ip if there are fewer than total, and fewer than
// perIP from there; 0 is no cap. Where it returns true, leave must be called once
// when the connection has ended or come to nothing.
//
// Whoever has one IPv6 address has 2^64 of them: they count as one.
func (g *Group) Admit(ip netip.Addr, total, perIP int) (leave func(), ok bool) {
	if ip = ip.Unmap(); ip.Is6() && !ip.IsLinkLocalUnicast() {
		ip = netip.PrefixFrom(ip, 64).Masked().Addr()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	t := &g.admitted
	if total > 0 && t.total >= total || perIP > 0 && t.byIP[ip] >= perIP {
		return nil, false
	}
	if t.byIP == nil {
		t.byIP = make(map[netip.Addr]int)
	}
	t.total++
	t.byIP[ip]++
	return func() { g.dismiss(ip) }, true
}

func (g *Group) dismiss(ip netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := &g.admitted
	t.total--
	if t.byIP[ip]--; t.byIP[ip] == 0 {
		delete(t.byIP, ip)
	}
}
