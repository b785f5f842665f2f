// Looks at a user by the client that openapi-generator makes.
package main

import (
	"context"
	"log"
	"os"

	openapi "example.org/description/client"
)

func main() {
	config := openapi.NewConfiguration()
	config.Servers = openapi.ServerConfigurations{{URL: os.Getenv("URL")}}
	config.AddDefaultHeader("X-ML-AppId", os.Getenv("APP"))
	config.AddDefaultHeader("X-ML-APIKey", os.Getenv("KEY"))
	client := openapi.NewAPIClient(config)
	user, _, err := client.MaxleapAPI.MaxleapUser(context.Background(), "alice").Execute()
	if err != nil {
		log.Fatal(err)
	}
	if user.Sessions != 0 || len(user.Friends) != 0 {
		log.Fatal("not what alice is: ", user)
	}
}
