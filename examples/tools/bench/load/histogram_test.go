package load

import (
	"testing"
	"time"
)

func TestHistogramKeepsSmallValuesExact(t *testing.T) {
	var h Histogram
	for i := 1; i <= 100; i++ {
		h.Record(time.Duration(i), 1)
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.01: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := h.Quantile(q); got != want {
			t.Errorf("quantile %v = %d, want %d", q, got, want)
		}
	}
}

func TestHistogramErrsByLessThanTwoPercent(t *testing.T) {
	for v := time.Duration(1); v < 1<<62; v += v/7 + 1 {
		var h Histogram
		h.Record(v, 1)
		h.Record(1<<62, 1) // so that the exact maximum does not hide the bucket's width
		got := h.Quantile(0.5)
		if got < v || float64(got-v) > 0.016*float64(v) {
			t.Fatalf("%d came back as %d", v, got)
		}
	}
}

func TestHistogramCountsByWeight(t *testing.T) {
	var h Histogram
	h.Record(time.Millisecond, 999)
	h.Record(time.Second, 1)
	if h.Count() != 1000 || h.Max() != time.Second {
		t.Fatalf("count %d, max %v", h.Count(), h.Max())
	}
	if got := h.Quantile(0.999); got > 2*time.Millisecond {
		t.Errorf("p99.9 = %v, want about a millisecond", got)
	}
	if got := h.Quantile(1); got != time.Second {
		t.Errorf("p100 = %v", got)
	}
}

func TestHistogramEmptyAndNegative(t *testing.T) {
	var h Histogram
	if got := h.Quantile(0.5); got != 0 {
		t.Errorf("empty: %v", got)
	}
	h.Record(-time.Second, 1)
	if h.Count() != 1 || h.Quantile(1) != 0 {
		t.Errorf("negative: count %d, %v", h.Count(), h.Quantile(1))
	}
	h.Record(time.Second, 1)
	h.Reset()
	if h.Count() != 0 || h.Max() != 0 {
		t.Errorf("not empty after Reset")
	}
}
