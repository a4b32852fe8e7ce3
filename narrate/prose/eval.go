package prose

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"
)

// Bounds on one expression. Teachers write them, and anybody may be sent a
// lesson: none may keep a machine busy, or fill its memory.
const (
	maxExpression = 16 << 10 // bytes
	maxTurns      = 1 << 20  // of all loops together
	maxText       = 1 << 20  // bytes of a text that is put together

	// evalPatience is for what the other bounds do not see. An expression that
	// takes longer ends the lesson, and with the program itself.
	evalPatience = 5 * time.Second
)

// tooMuch are the language's functions by which a short expression makes a lot,
// or that depend on the moment; pages have no use for them.
var tooMuch = strings.Fields("repeat reduce concat flatten toJSON fromJSON now duration date timezone")

// Names that the bounds are kept by; no page can say them.
const (
	turnName = "__turn"
	plusName = "__plus"
)

// Check reads an expression without evaluating it: what is no expression is
// found before the lesson begins.
func Check(code string) error {
	if len(code) > maxExpression {
		return fmt.Errorf("an expression of %d bytes; at most %d are read", len(code), maxExpression)
	}
	if _, err := expr.Compile(code, expr.AllowUndefinedVariables()); err != nil {
		return fmt.Errorf("expression %q: %w", code, err)
	}
	return nil
}

// CheckFields reads the fields of a text without filling them.
func CheckFields(text string) error {
	for {
		_, rest, found := strings.Cut(text, "{{")
		if !found {
			return nil
		}
		code, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return fmt.Errorf("field without an end: {{%.40s", rest)
		}
		if err := Check(strings.TrimSpace(code)); err != nil {
			return err
		}
		text = after
	}
}

// Eval evaluates an expression.
func Eval(code string, e Env) (any, error) {
	type result struct {
		value any
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := eval(code, e)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-time.After(evalPatience):
		return nil, fmt.Errorf("expression %.200q: takes longer than %s", code, evalPatience)
	}
}

func eval(code string, e Env) (any, error) {
	if len(code) > maxExpression {
		return nil, fmt.Errorf("an expression of %d bytes; at most %d are read", len(code), maxExpression)
	}
	env := functions(e)
	turns := 0
	options := []expr.Option{
		expr.Env(map[string]any(env)),
		expr.Function(turnName, func(...any) (any, error) {
			if turns++; turns > maxTurns {
				return nil, fmt.Errorf("goes round more than %d times", maxTurns)
			}
			return true, nil
		}, new(func() bool)),
		expr.Function(plusName, plus),
		expr.Function("join", join), expr.Function("replace", replace), expr.Function("string", text),
		expr.Patch(bounding{}),
	}
	for _, name := range tooMuch {
		options = append(options, expr.DisableBuiltin(name))
	}
	program, err := expr.Compile(code, options...)
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w", code, err)
	}
	value, err := expr.Run(program, map[string]any(env))
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w", code, err)
	}
	return value, nil
}

// bounding has each turn of a loop counted, and each text measured that is put
// together from two.
type bounding struct{}

func (bounding) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		if c, done := n.Node.(*ast.ConditionalNode); done && isTurn(c.Cond) {
			return
		}
		n.Node = &ast.ConditionalNode{Cond: &ast.CallNode{Callee: &ast.IdentifierNode{Value: turnName}}, Exp1: n.Node, Exp2: &ast.NilNode{}}
	case *ast.BinaryNode:
		if n.Operator == "+" {
			ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: plusName}, Arguments: []ast.Node{n.Left, n.Right}})
		}
	}
}

func isTurn(n ast.Node) bool {
	call, ok := n.(*ast.CallNode)
	if !ok {
		return false
	}
	name, ok := call.Callee.(*ast.IdentifierNode)
	return ok && name.Value == turnName
}

var errText = fmt.Errorf("makes a text of more than %d bytes", maxText)

// plus is the language's own, for texts up to a length.
func plus(args ...any) (sum any, err error) {
	a, first := args[0].(string)
	b, second := args[1].(string)
	if first && second && len(a)+len(b) > maxText {
		return nil, errText
	}
	defer func() { // of values that have no sum
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return runtime.Add(args[0], args[1]), nil
}

// join is the language's own, for texts up to a length: join(list, between).
func join(args ...any) (any, error) {
	if len(args) == 0 || len(args) > 2 {
		return nil, errors.New("join wants a list and the text between")
	}
	between := ""
	if len(args) == 2 {
		var ok bool
		if between, ok = args[1].(string); !ok {
			return nil, errors.New("join wants a text to put between")
		}
	}
	var parts []string
	length := 0
	add := func(v any) error {
		s, ok := v.(string)
		if !ok {
			return fmt.Errorf("join wants a list of texts, here is %T", v)
		}
		if length += len(s) + len(between); length > maxText {
			return errText
		}
		parts = append(parts, s)
		return nil
	}
	switch list := args[0].(type) {
	case []any:
		for _, v := range list {
			if err := add(v); err != nil {
				return nil, err
			}
		}
	case []string:
		for _, v := range list {
			if err := add(v); err != nil {
				return nil, err
			}
		}
	default:
		return nil, fmt.Errorf("join wants a list, here is %T", args[0])
	}
	return strings.Join(parts, between), nil
}

// text is the language's own "string", for what is one word: printing a list of
// lists of lists could have no end.
func text(args ...any) (any, error) {
	if len(args) != 1 {
		return nil, errors.New("string wants one value")
	}
	if !isScalar(args[0]) {
		return nil, fmt.Errorf("string wants a text, a number, true or false; here is %s", kindOf(args[0]))
	}
	return fmt.Sprint(args[0]), nil
}

func isScalar(v any) bool {
	switch reflect.ValueOf(v).Kind() {
	case reflect.Slice, reflect.Array, reflect.Map, reflect.Struct, reflect.Pointer, reflect.Func, reflect.Chan, reflect.Interface:
		return false
	}
	return true
}

// kindOf is a value's kind in the words of a page's author.
func kindOf(v any) string {
	switch reflect.ValueOf(v).Kind() {
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a map"
	}
	return fmt.Sprintf("%T", v)
}

// replace is the language's own, for texts up to a length: replace(text, old, new).
func replace(args ...any) (any, error) {
	var texts [3]string
	if len(args) != len(texts) {
		return nil, errors.New("replace wants a text, what is to go, and what is to come")
	}
	for i, a := range args {
		var ok bool
		if texts[i], ok = a.(string); !ok {
			return nil, fmt.Errorf("replace wants texts, here is %T", a)
		}
	}
	if n := strings.Count(texts[0], texts[1]); len(texts[0])+n*len(texts[2]) > maxText {
		return nil, errText
	}
	return strings.ReplaceAll(texts[0], texts[1], texts[2]), nil
}
