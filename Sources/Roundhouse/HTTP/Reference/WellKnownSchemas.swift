/// The forms that JSON has for protobuf's well-known types.
///
/// Source: <https://protobuf.dev/programming-guides/json/>.
enum WellKnownSchemas {
    /// - Parameter message: `google.protobuf.Timestamp`.
    /// - Returns: `nil` for a message that is an object like any other.
    static func schema(of message: String) -> APISchema? {
        switch message {
        case "google.protobuf.Timestamp":
            APISchema(
                form: .string(APISchema.StringLimits(format: "date-time")), example: "2026-01-31T12:00:00Z")
        case "google.protobuf.Duration":
            APISchema(
                form: .string(APISchema.StringLimits(pattern: #"^-?[0-9]{1,12}(\.[0-9]{1,9})?s$"#)), example: "1.5s")
        case "google.protobuf.FieldMask":
            APISchema(
                form: .string(APISchema.StringLimits()), text: "Paths of fields, separated by commas.",
                example: "display_name,tags")
        case "google.protobuf.Struct": .dictionary(of: .anything())
        case "google.protobuf.ListValue": .array(of: .anything())
        case "google.protobuf.Value": .anything()
        case "google.protobuf.NullValue": APISchema(form: .null)
        case "google.protobuf.Any":
            .object(
                "A message of any type.", required: ["@type"],
                ["@type": .string("Its type: `type.googleapis.com/` and its full name.")])
        case "google.protobuf.Empty": APISchema(form: .object(APISchema.Object(properties: [], isClosed: true)))
        case "google.protobuf.BoolValue": .boolean().orNull
        case "google.protobuf.StringValue", "google.protobuf.BytesValue": .string().orNull
        case "google.protobuf.DoubleValue", "google.protobuf.FloatValue": .number().orNull
        case "google.protobuf.Int32Value", "google.protobuf.UInt32Value": .integer().orNull
        case "google.protobuf.Int64Value", "google.protobuf.UInt64Value": .integer().orNull
        default: nil
        }
    }
}
