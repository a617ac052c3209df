window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  // The validator badge would send the document to somebody else.
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
