package mfad

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Messages as the JSON of PROTOCOL.md, section 13.

var calls = strings.Fields("ping begin status verify enroll confirm reset authenticate recovery resync passwd list show " +
	"disable unlock recover remove set_policy get_policy set_password import_one audit stats key_status key_rotate backup " +
	"list_handles")

var replies = strings.Fields("refused going_away pong need status accepted enrollment enrolled done backup recovery_codes " +
	"issued keys policy accounts profile imported log stats handles")

type object = map[string]any

func renderRequest(id uint64, request request) object {
	rendered := object{"id": id, "call": calls[request.number()]}
	if policy, is := request.(*setPolicy); is {
		rendered["realm"], rendered["enforcement"] = policy.realm, renderEnforcement(policy.enforcement)
		return rendered
	}
	renderFields(rendered, reflect.ValueOf(request).Elem())
	// The one text that may be absent and is no pointer: an empty issuer is illegal.
	if rendered["issuer"] == "" {
		rendered["issuer"] = nil
	}
	return rendered
}

func renderReply(id uint64, reply reply) object {
	rendered := object{"id": id, "reply": replies[reply.number()]}
	switch reply := reply.(type) {
	case *Refusal:
		rendered["refusal"] = reply.Kind.String()
		if reply.Kind == TryLater {
			rendered["seconds"] = uint64(reply.Wait / time.Second)
		}
	case *Need:
		rendered["need"] = reply.Kind.String()
		if reply.Kind == NeedEnroll {
			rendered["ticket"] = reply.Ticket
		}
	case *Enrollment:
		renderFields(rendered, reflect.ValueOf(*reply))
		rendered["id"], rendered["enrollment"] = id, reply.ID.String()
	default:
		renderFields(rendered, reflect.ValueOf(reply).Elem())
	}
	return rendered
}

func renderFields(into object, message reflect.Value) {
	for place := range message.NumField() {
		if field := message.Type().Field(place); !field.Anonymous {
			into[snake(field.Name)] = render(message.Field(place))
		}
	}
}

// snake is the name of a field in lower case, with an underscore between words.
func snake(name string) string {
	if name == strings.ToUpper(name) {
		return strings.ToLower(name)
	}
	var words strings.Builder
	for place, each := range name {
		if place > 0 && unicode.IsUpper(each) {
			words.WriteByte('_')
		}
		words.WriteRune(unicode.ToLower(each))
	}
	return words.String()
}

// render may be given a field that is not exported: then it has no methods.
func render(value reflect.Value) any {
	switch value.Type() {
	case reflect.TypeFor[Account]():
		if handle := value.FieldByName("Handle").String(); handle != "" {
			return object{"handle": handle}
		}
		return object{"realm": value.FieldByName("Realm").String(), "user": value.FieldByName("User").String()}
	case reflect.TypeFor[Proof]():
		if proofKind(value.FieldByName("kind").Uint()) == asserted {
			return "asserted"
		}
		return object{"password": render(value.FieldByName("password"))}
	case reflect.TypeFor[Origin]():
		return object{
			"service": value.FieldByName("Service").String(),
			"rhost":   value.FieldByName("RemoteHost").String(),
			"tty":     value.FieldByName("TTY").String(),
		}
	case reflect.TypeFor[QR]():
		return object{"size": value.Field(0).Uint(), "bits": hex.EncodeToString(value.Field(1).Bytes())}
	case reflect.TypeFor[EnrollmentID](), reflect.TypeFor[hexadecimal]():
		return fmt.Sprintf("%x", value)
	case reflect.TypeFor[time.Time]():
		return renderTime(value.Interface().(time.Time))
	case reflect.TypeFor[time.Duration]():
		if value.Int() == 0 {
			return nil
		}
		return value.Int() / int64(time.Second)
	case reflect.TypeFor[Enforcement]():
		return renderEnforcement(value.Interface().(Enforcement))
	case reflect.TypeFor[statsPlace]():
		if value.Field(0).Uint() == 0 {
			return object{"sample": value.Field(1).Uint()}
		}
		return object{"account": render(value.Field(2))}
	case reflect.TypeFor[logFault]():
		fault := value.Interface().(logFault)
		if fault.hasLines() {
			return object{fault.word(): fault.lines}
		}
		return fault.word()
	}
	return renderKind(value)
}

func renderKind(value reflect.Value) any {
	if value.CanInterface() {
		if named, is := value.Interface().(fmt.Stringer); is && value.Kind() == reflect.Uint32 {
			return named.String()
		}
	}
	switch value.Kind() {
	case reflect.Bool:
		return value.Bool()
	case reflect.String:
		return value.String()
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		return value.Uint()
	case reflect.Pointer:
		if value.IsNil() {
			return nil
		}
		return render(value.Elem())
	case reflect.Struct:
		rendered := object{}
		renderFields(rendered, value)
		return rendered
	case reflect.Slice:
		return renderSlice(value)
	}
	panic(fmt.Sprintf("a %v is not rendered", value.Type()))
}

func renderSlice(value reflect.Value) any {
	if value.Type().Elem().Kind() != reflect.Uint8 {
		items := []any{}
		for place := range value.Len() {
			items = append(items, render(value.Index(place)))
		}
		return items
	}
	switch bytes := value.Bytes(); {
	case value.IsNil():
		return nil
	case utf8.Valid(bytes):
		return string(bytes)
	default:
		return object{"hex": hex.EncodeToString(bytes)}
	}
}

func renderTime(moment time.Time) any {
	if moment.IsZero() {
		return nil
	}
	return uint64(moment.Unix())
}

func renderEnforcement(enforcement Enforcement) any {
	if enforcement.Mode == EnforceAfter {
		return object{"after": renderTime(enforcement.From)}
	}
	return enforcement.Mode.String()
}
