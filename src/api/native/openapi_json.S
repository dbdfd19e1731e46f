/* The OpenAPI document's bytes, as they lie in the tree; the compiler runs from its root. */
    .section .rodata
    .global openapi_json, openapi_json_end
openapi_json:
    .incbin "src/api/native/openapi.json"
openapi_json_end:
    .section .note.GNU-stack, "", @progbits
