"""Checks the public API of `shared-claims` against its rules, using rustdoc's JSON output.

1. Every public module, type, trait, function and macro has an example of its own.
2. Every public method and constant is used in an example: its own, its type's, or one that names both.
   Fields, variants and trait implementations need documentation only.
3. Everything is documented.
4. No type or trait of another crate is exposed, except those of the promised crates.
"""

import json
import re
import sys

PROMISED = {"core", "alloc", "std", "http", "serde", "serde_core"}
FRAMEWORKS = {"actix_web", "actix_http", "axum", "axum_core", "tower_layer", "tower_service", "tonic"}
# The crates of the body types in axum's and tonic's responses.
FRAMEWORKS |= {"bytes", "http_body"}

# The module for test support may expose types of the crates that tests run.
EXEMPT_FROM_PROMISE = "testing"

WITH_EXAMPLE = {"module", "struct", "enum", "union", "trait", "function", "macro", "type_alias"}
FENCE = re.compile(r"^```(.*?)\n(.*?)^```", re.M | re.S)


class Surface:
    """The results of a walk over all public items."""

    def __init__(self, document):
        self.index = document["index"]
        self.paths = document["paths"]
        self.crates = {int(number): crate["name"] for number, crate in document["external_crates"].items()}
        self.faults = []
        # Each example with its item, and each method or constant with its owner.
        self.examples = []
        self.members = []
        self.seen = set()
        self.counts = {"items": 0, "with an example": 0, "methods and constants": 0, "examples": 0}
        self.walk(document["root"], "shared_claims")

    def item(self, number):
        return self.index.get(str(number))

    def walk(self, number, path):
        item = self.item(number)
        if item is None or number in self.seen:
            return
        self.seen.add(number)
        kind, inner = next(iter(item["inner"].items()))
        if kind == "use":
            self.seen.discard(number)
            if inner["id"] is not None:
                self.walk(inner["id"], f"{path}::{inner['name']}")
            return
        self.visit(item, kind, path)
        if kind == "module":
            for child in inner["items"]:
                child_item = self.item(child)
                if child_item is not None:
                    is_use = "use" in child_item["inner"]
                    self.walk(child, path if is_use else f"{path}::{child_item['name']}")
            return
        fields = self.fields(kind, inner)
        for child in fields + inner_list(inner, "variants"):
            self.visit_part(child, path)
        for child in inner_list(inner, "items"):
            self.visit_member(child, path)
        for block in inner_list(inner, "impls"):
            self.walk_impl(block, path)

    @staticmethod
    def fields(kind, inner):
        if kind != "struct" or not isinstance(inner["kind"], dict):
            return []
        shape = inner["kind"]
        if "plain" in shape:
            return shape["plain"]["fields"]
        return [field for field in shape.get("tuple", []) if field is not None]

    def walk_impl(self, number, path):
        item = self.item(number)
        if item is None:
            return
        block = item["inner"]["impl"]
        if block["is_synthetic"] or block["blanket_impl"] is not None:
            return
        # pin-project-lite generates the `Unpin` bound with a hidden type.
        if block["trait"] is not None and block["trait"]["path"].split("::")[-1] == "Unpin":
            return
        self.promise({"generics": block["generics"], "for": block["for"], "trait": block["trait"]}, path)
        for member in block["items"]:
            if block["trait"] is None:
                self.visit_member(member, path)
            elif (its := self.item(member)) is not None:
                self.promise(its["inner"], path)

    def visit_part(self, number, path):
        item = self.item(number)
        if item is None:
            return
        name = f"{path}::{item['name']}"
        # The field of a tuple variant has no name to document.
        if not (item["name"] or "").isdigit():
            self.document(item, name)
        self.promise(item["inner"], name)
        variant = item["inner"].get("variant")
        if variant is not None and isinstance(variant["kind"], dict):
            shape = variant["kind"]
            children = shape["tuple"] if "tuple" in shape else shape["struct"]["fields"]
            for child in children:
                if child is not None:
                    self.visit_part(child, name)

    def visit_member(self, number, path):
        item = self.item(number)
        if item is None or item["visibility"] not in ("public", "default"):
            return
        kind = next(iter(item["inner"]))
        name = f"{path}::{item['name']}"
        self.document(item, name)
        self.promise(item["inner"], name)
        fences = self.fences(item)
        self.examples.extend((path, fence) for fence in fences)
        if kind in ("function", "assoc_const"):
            self.counts["methods and constants"] += 1
            self.members.append((path, item["name"], bool(fences)))

    def visit(self, item, kind, path):
        self.document(item, path)
        fences = self.fences(item)
        self.examples.extend((path, fence) for fence in fences)
        if kind in WITH_EXAMPLE:
            self.counts["with an example"] += bool(fences)
            if not fences:
                self.faults.append(f"{path}: {kind} without an example")
        elif kind == "constant":
            self.members.append((path, item["name"], bool(fences)))
        if kind not in ("module", "macro"):
            inner = {key: value for key, value in item["inner"][kind].items() if key not in ("impls", "implementations")}
            self.promise(inner, path)

    def document(self, item, name):
        self.counts["items"] += 1
        if not (item["docs"] or "").strip():
            self.faults.append(f"{name}: not documented")

    def fences(self, item):
        # A block that does not compile or is not Rust does not count as an example.
        def is_example(language):
            words = set(re.split(r"[,\s]+", language.strip())) - {""}
            return words <= {"rust", "no_run", "should_panic", "edition2024"}

        found = [text for language, text in FENCE.findall(item["docs"] or "") if is_example(language)]
        self.counts["examples"] += len(found)
        return found

    def promise(self, part, name):
        if name.startswith(f"shared_claims::{EXEMPT_FROM_PROMISE}"):
            return
        for number in identifiers(part):
            path = self.paths.get(str(number))
            if path is None or path["crate_id"] == 0:
                continue
            crate = self.crates[path["crate_id"]]
            allowed = crate in PROMISED or (crate in FRAMEWORKS and framework_module(name))
            if not allowed:
                self.faults.append(f"{name}: names {'::'.join(path['path'])} of the crate {crate}")

    def check_members(self):
        for owner, name, has_own in self.members:
            word = re.compile(rf"\b{re.escape(name)}\b")
            type_name = re.compile(rf"\b{re.escape(owner.rsplit('::', 1)[-1])}\b")
            shown = any(
                word.search(example) and (of == owner or type_name.search(example)) for of, example in self.examples
            )
            if not has_own and not shown:
                self.faults.append(f"{owner}::{name}: in no example")


def framework_module(name):
    return re.match(r"shared_claims::(actix|tower)\b", name) is not None


def inner_list(inner, name):
    value = inner.get(name) if isinstance(inner, dict) else None
    return value if isinstance(value, list) else []


def identifiers(part):
    """The ids of all types and traits in a part of a signature."""
    if isinstance(part, dict):
        if "id" in part and "path" in part and isinstance(part["id"], int):
            yield part["id"]
        for value in part.values():
            yield from identifiers(value)
    elif isinstance(part, list):
        for value in part:
            yield from identifiers(value)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        surface = Surface(json.load(file))
    surface.check_members()
    for fault in sorted(set(surface.faults)):
        print(fault, file=sys.stderr)
    print(", ".join(f"{count} {what}" for what, count in surface.counts.items()))
    return 1 if surface.faults else 0


if __name__ == "__main__":
    sys.exit(main())
