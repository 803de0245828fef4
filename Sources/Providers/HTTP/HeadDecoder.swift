package import Inference

/// Takes a response for its head: what it says behind it is read and let go of.
package struct HeadDecoder: ResponseDecoder {
    private var head: HTTPResponseHead?
    package private(set) var isFinished = false
    package var isWaitingForDetails: Bool { false }

    package init() {}

    package mutating func receive(_ head: HTTPResponseHead) throws(UpstreamFault) -> Bool {
        self.head = head
        return true
    }

    package mutating func receive(_ body: Span<UInt8>, into elements: inout [HTTPResponseHead]) throws(UpstreamFault) {}

    package mutating func end(_ end: ResponseEnd, into elements: inout [HTTPResponseHead]) throws(UpstreamFault) {
        switch (self.head, end) {
        case (let head?, _): elements.append(head)
        case (nil, .fault(let fault)): throw fault
        case (nil, _): throw UpstreamFault(.truncated, "the connection closed before the answer")
        }
        self.isFinished = true
    }
}
