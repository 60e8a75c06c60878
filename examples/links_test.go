package examples

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLinks checks that what the pages link to in this repository is there, headings too.
func TestLinks(t *testing.T) {
	fences := regexp.MustCompile("(?ms)^```.*?^```")
	links := regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"`)
	for name, page := range markdown(t) {
		for _, m := range links.FindAllStringSubmatch(fences.ReplaceAllString(page, ""), -1) {
			target, anchor, _ := strings.Cut(m[1]+m[2], "#")
			if strings.Contains(target, ":") {
				continue // elsewhere
			}
			file := name
			if target != "" {
				file = filepath.Join(filepath.Dir(name), filepath.FromSlash(target))
			}
			if _, err := os.Stat(file); !assert.NoError(t, err, "%s links to it", name) {
				continue
			}
			if anchor != "" {
				assert.Contains(t, headings(t, file), anchor, "%s links to %s", name, m[1])
			}
		}
	}
}

// TestMakeTargets checks that what the pages have a reader make is a target, and that what they set is a variable of the
// Makefile.
func TestMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	command := regexp.MustCompile("(?m)(?:^[ \t]*|`)((?:[A-Z_]+=\\w+ )*)make((?: -[a-z]+)*(?: [a-z][a-z-]*)?)((?: [A-Z]+='[^']*'| [A-Z]+=\\S+)*)")
	names := regexp.MustCompile(`([A-Z_]+)=`)
	commands := 0
	for name, page := range markdown(t) {
		for _, m := range command.FindAllStringSubmatch(page, -1) {
			words := strings.Fields(m[2])
			if len(words) == 0 || strings.HasPrefix(words[len(words)-1], "-") {
				continue // make alone
			}
			commands++
			target := words[len(words)-1]
			there := regexp.MustCompile(`(?m)^(CHECKS = .*\b` + target + `\b|` + target + `:)`).Match(makefile)
			assert.True(t, there, "%s: make %s is no target", name, target)
			for _, v := range names.FindAllStringSubmatch(m[3], -1) {
				assert.True(t, strings.Contains(string(makefile), "$("+v[1]+")"), "%s: the Makefile does not know %s", name, v[1])
			}
		}
	}
	assert.Greater(t, commands, 40)
}

// markdown are the pages of the repository, by their names.
func markdown(t *testing.T) map[string]string {
	pages := map[string]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".md" {
			return nil
		}
		page, err := os.ReadFile(name)
		pages[name] = string(page)
		return err
	})
	require.NoError(t, err)
	return pages
}

// headings are the anchors of a page, made as GitHub makes them.
func headings(t *testing.T, name string) (anchors []string) {
	page, err := os.ReadFile(name)
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(page), -1) {
		anchors = append(anchors, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, m[1]))
	}
	return anchors
}
