window.ui = SwaggerUIBundle({
  // Relative to this script: a proxy may serve all of it below a path of its own.
  url: new URL("../openapi.json", document.currentScript.src).pathname,
  dom_id: "#swagger-ui",
  deepLinking: true,
  // The validator badge would send the document to somebody else.
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
