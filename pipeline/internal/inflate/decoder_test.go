package inflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math"
	"math/rand"
	"testing"

	kflate "github.com/klauspost/compress/flate"
	"github.com/stretchr/testify/require"
)

// prose is text that compresses as JSON does.
func prose(seed int64, n int) []byte {
	random := rand.New(rand.NewSource(seed))
	words := []string{`{"id":`, `"name":"`, `spindrift`, `"},`, `"x":`, `1234`, ` the `, `wave`, `true`, `,`, `"y":`, `null`, `foam `}
	var b []byte
	for len(b) < n {
		b = append(b, words[random.Intn(len(words))]...)
		if random.Intn(4) == 0 {
			b = fmt.Append(b, random.Intn(100000))
		}
	}
	return b[:n]
}

func noise(seed int64, n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(seed)).Read(b)
	return b
}

// deflate compresses p as one stream with a final block.
func deflate(t testing.TB, p []byte, level int) []byte {
	var b bytes.Buffer
	w, err := kflate.NewWriter(&b, level)
	require.NoError(t, err)
	_, err = w.Write(p)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// rubbish is what a piece becomes when it was used.
var rubbish = bytes.Repeat([]byte{0xaa}, 1<<20)

// inflate decodes one stream that comes in pieces of size bytes. It returns what was
// made, how many bytes were used, and how it ended: io.ErrUnexpectedEOF if it did not.
func inflate(d *Decoder, in []byte, size int) (made []byte, used int64, err error) {
	for len(in) > 0 {
		piece := append([]byte(nil), in[:min(size, len(in))]...)
		in = in[len(piece):]
		for s := Full; s == Full; {
			n, next, err := d.Next(piece)
			out := d.Output()
			made = append(made, out...)
			d.Discard()
			if piece = piece[n:]; err != nil {
				return made, d.Used(), err
			}
			if next == Ended {
				return made, d.Used(), nil
			}
			if next == Full && len(out) == 0 {
				panic("full of nothing")
			}
			s = next
		}
		if len(piece) > 0 {
			panic("dry with input left")
		}
		copy(piece, rubbish)
		d.Park()
	}
	return made, d.Used(), io.ErrUnexpectedEOF
}

func samples() map[string][]byte {
	return map[string][]byte{
		"nothing": nil,
		"a byte":  []byte("a"),
		"a run":   bytes.Repeat([]byte("a"), 100000),
		"periods": bytes.Repeat([]byte("abcdefg"), 5000),
		"prose":   prose(1, 200000),
		"short":   prose(2, 300),
		"noise":   noise(3, 70000),
		"mixed":   append(append(prose(4, 40000), noise(5, 5000)...), prose(4, 40000)...),
	}
}

// However the input is cut, the output is what went in.
func TestPieces(t *testing.T) {
	d := new(Decoder)
	sizes, most := []int{1, 2, 3, 7, 15, 16, 17, 100, 1000, 4096, 1 << 20}, math.MaxInt // pieces
	if testing.Short() {
		sizes, most = []int{1, 7, 17, 1000}, 5000
	}
	for name, p := range samples() {
		for _, level := range []int{kflate.HuffmanOnly, 0, 1, 5, 9} {
			z := deflate(t, p, level)
			for _, size := range sizes {
				if len(z)/size > most {
					continue
				}
				d.Reset(nil)
				got, used, err := inflate(d, z, size)
				require.NoError(t, err, "%s, level %d, pieces of %d", name, level, size)
				require.True(t, bytes.Equal(p, got), "%s, level %d, pieces of %d", name, level, size)
				require.EqualValues(t, len(z), used)
				require.True(t, d.Between())
				require.EqualValues(t, len(p), d.Made())
			}
		}
	}
}

// At every split into two the same.
func TestEverySplit(t *testing.T) {
	d := new(Decoder)
	p := append(prose(1, 600), noise(2, 40)...)
	for _, level := range []int{kflate.HuffmanOnly, 0, 1, 9} {
		z := deflate(t, p, level)
		for i := range z {
			d.Reset(nil)
			_, s, err := d.Next(z[:i])
			require.NoError(t, err)
			require.Equal(t, Dry, s)
			_, s, err = d.Next(z[i:])
			require.NoError(t, err)
			require.Equal(t, Ended, s)
			require.Equal(t, p, d.Output())
		}
	}
}

func TestHistory(t *testing.T) {
	before, p := prose(1, 50000), prose(1, 60000)[50000:]
	var b bytes.Buffer
	w, err := kflate.NewWriterDict(&b, 9, before)
	require.NoError(t, err)
	w.Write(p)
	w.Close()
	d := new(Decoder)
	for _, size := range []int{1, 100, 1 << 20} {
		d.Reset(before)
		got, _, err := inflate(d, b.Bytes(), size)
		require.NoError(t, err)
		require.Equal(t, p, got)
		require.Equal(t, append(before[len(before)-100:len(before):len(before)], p...), d.Latest(len(p)+100))
		d.Free()
	}
	d.Reset(before[len(before)-9:])
	_, _, err = inflate(d, b.Bytes(), 1<<20)
	require.Equal(t, ErrCorrupt, err)
}

// agree compares with a reader over z, of which left says how much was not read: both
// refuse it, or make the same of it.
func agree(t *testing.T, name string, r io.Reader, left func() int, z, made []byte, used int64, end error) {
	want, err := io.ReadAll(r)
	require.Equal(t, err == nil, end == nil, "%s: %v, and we %v", name, err, end)
	if err == nil {
		require.True(t, bytes.Equal(want, made), name)
		require.EqualValues(t, len(z)-left(), used, name)
	} else { // who sees it first, and how much went before, differs
		n := min(len(want), len(made))
		require.True(t, bytes.Equal(want[:n], made[:n]), name)
	}
}

func compare(t *testing.T, z []byte, size int) {
	d := new(Decoder)
	d.Reset(nil)
	made, used, end := inflate(d, z, 1<<20)
	std, ours := bytes.NewReader(z), bytes.NewReader(z)
	agree(t, "compress/flate", flate.NewReader(std), std.Len, z, made, used, end)
	agree(t, "klauspost/compress", kflate.NewReader(ours), ours.Len, z, made, used, end)
	for _, size := range []int{1, size} {
		d.Reset(nil)
		pieces, u, e := inflate(d, z, size)
		require.Equal(t, end, e)
		if end == nil {
			require.Equal(t, used, u)
		}
		if end != ErrCorrupt {
			require.True(t, bytes.Equal(made, pieces))
		}
	}
}

func TestRandomDamage(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	trials := 3000
	if testing.Short() {
		trials = 300
	}
	for i := range trials {
		p := prose(int64(i), random.Intn(2000))
		z := deflate(t, p, i%10)
		for range random.Intn(4) {
			z[random.Intn(len(z))] ^= 1 << random.Intn(8)
		}
		compare(t, z, 1+random.Intn(40))
	}
}

func FuzzDecoder(f *testing.F) {
	for _, level := range []int{kflate.HuffmanOnly, 0, 1, 9} {
		f.Add(deflate(f, prose(1, 2000), level), uint16(level+3))
	}
	f.Add([]byte("\x05\xdd\x81\x08\x00\x00\x00\x00\x20\x7f\xeb\x49\x06"), uint16(1))
	f.Add([]byte("\x06"), uint16(1))
	f.Fuzz(func(t *testing.T, z []byte, size uint16) { compare(t, z, int(size)+1) })
}

type resetter interface {
	io.Reader
	kflate.Resetter
}

// BenchmarkDecoder compares with the readers of others.
func BenchmarkDecoder(b *testing.B) {
	for _, size := range []int{200, 1 << 10, 16 << 10, 256 << 10} {
		for _, level := range []int{1, 6} {
			p := prose(1, size)
			z := deflate(b, p, level)
			buf := make([]byte, 8<<10)
			b.Run(fmt.Sprintf("%d/%d/ours", size, level), func(b *testing.B) {
				d := new(Decoder)
				b.SetBytes(int64(size))
				for b.Loop() {
					d.Reset(nil)
					for in, s := z, Full; s == Full; {
						n, next, err := d.Next(in)
						if err != nil {
							b.Fatal(err)
						}
						d.Discard()
						in, s = in[n:], next
					}
				}
			})
			for name, reader := range map[string]io.Reader{"klauspost": kflate.NewReader(nil), "std": flate.NewReader(nil)} {
				b.Run(fmt.Sprintf("%d/%d/%s", size, level, name), func(b *testing.B) {
					in := bytes.NewReader(nil)
					r := reader.(resetter)
					b.SetBytes(int64(size))
					for b.Loop() {
						in.Reset(z)
						r.Reset(in, nil)
						for {
							if _, err := r.Read(buf); err == io.EOF {
								break
							}
						}
					}
				})
			}
		}
	}
}
